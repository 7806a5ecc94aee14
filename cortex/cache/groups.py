"""Derives the groups of a key from its name; the values of a group are invalidated together.

`users:42:profile` belongs to `users` and to `users:42`; all keys of an alias belong to the group without a name. A
group has a stamp, eight random bytes, and a value is valid only with the stamps it was stored with. So one write
invalidates a group, however many values it has. Stamps are random and not counters: an evicted stamp that is created
again must not make old values valid.
"""

import os
import re

# For `a:b:c:d`, the groups `a` and `a:b` are enough. Each further group would cost one more key in every read.
DEEPEST = 2
EVERYTHING = ""
STAMP_PREFIX = "stamp:"
# Longer than any value lives. A lost stamp turns its values into misses; it never makes a wrong value valid.
STAMP_SECONDS = 90 * 24 * 3600
NO_LABEL = "-"
NAME = re.compile(r"[a-z][a-z_]{0,29}")


def groups_of(key: str) -> list[str]:
    """`users:42:profile` → `["", "users", "users:42"]`."""
    groups, end = [EVERYTHING], key.find(":")
    while end != -1 and len(groups) <= DEEPEST:
        groups.append(key[:end])
        end = key.find(":", end + 1)
    return groups


def group_of_pattern(pattern: str) -> str | None:
    """Returns the group that a pattern stands for (`users:42:*`, `*`); None for any other pattern."""
    if pattern == "*":
        return EVERYTHING
    name = pattern.removesuffix(":*")
    if name == pattern or any(mark in name for mark in "*?[\\") or len(name.split(":")) > DEEPEST:
        return None
    return name


def label_of(key: str) -> str:
    """Returns the label of a key in the statistics: its first word, if that looks like a name in code.

    Other parts of a key may come from a visitor (a cookie, an address) and must not become labels.
    """
    head, colon, _ = key.partition(":")
    return head if colon and NAME.fullmatch(head) else NO_LABEL


def new_stamp() -> bytes:
    return os.urandom(8)
