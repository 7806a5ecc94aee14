"""What is invalidated together: the groups that a key belongs to, by its own name.

`users:42:profile` belongs to `users` and to `users:42`, and all keys of an alias to the group without a name. A group
has a stamp, eight random bytes; a value counts only under the stamps it was made under. So to invalidate a group is to
change one key, however many values it has. Stamps are random and not counted up: one that was evicted and made anew
must not bring old values back.
"""

import os
import re

# Of `a:b:c:d` the groups `a` and `a:b` are enough; each more is one more key in every read.
DEEPEST = 2
EVERYTHING = ""
STAMP_PREFIX = "stamp:"
# Longer than any value lives. A stamp that has gone makes its values misses, never wrong.
STAMP_SECONDS = 90 * 24 * 3600
NO_LABEL = "-"
NAME = re.compile(r"[a-z][a-z_]{0,29}")


def groups_of(key: str) -> list[str]:
    groups, end = [EVERYTHING], key.find(":")
    while end != -1 and len(groups) <= DEEPEST:
        groups.append(key[:end])
        end = key.find(":", end + 1)
    return groups


def group_of_pattern(pattern: str) -> str | None:
    """The group that a pattern means (`users:42:*`, `*`); None where it means something else."""
    if pattern == "*":
        return EVERYTHING
    name = pattern.removesuffix(":*")
    if name == pattern or any(mark in name for mark in "*?[\\") or len(name.split(":")) > DEEPEST:
        return None
    return name


def label_of(key: str) -> str:
    """The label of a key in the statistics: its first word, if that looks like a name in code.

    Parts of a key may come from a visitor (a cookie, an address) and must not become labels.
    """
    head, colon, _ = key.partition(":")
    return head if colon and NAME.fullmatch(head) else NO_LABEL


def new_stamp() -> bytes:
    return os.urandom(8)
