"""Writes the events that wait in the spool and the stream, and lists what is left of them."""

from django.db import Error as DatabaseError

from tracking.conf import conf
from tracking.privacy.mentions import Person
from tracking.storage import spool
from tracking.storage.consumer import Consumer
from tracking.storage.write import replay_spool


def write_what_waits(person: Person) -> list[str]:
    """Write the events that wait on this machine. Returns a line for each place that may still name the person."""
    replay_spool()
    left = ["events in the spools of other machines, until those write them"]
    if not spool.is_empty():
        left.append(
            f"{spool.waiting():,} events in {spool.folder()}, which the database rejects; run the command again"
        )
    if refused := _refused_lines(person):
        left.append(
            f"{refused:,} lines of {spool.folder() / spool.REFUSED} that name them; delete those lines"
        )
    return left + (_drain_stream() if conf.WRITER == "stream" else [])


def _refused_lines(person: Person) -> int:
    """Count the lines that name the person, in the file of events that the database rejects."""
    try:
        with (spool.folder() / spool.REFUSED).open(encoding="utf-8", errors="replace") as lines:
            return sum(person.is_named_in(line) for line in lines)
    except OSError:
        return 0


def _drain_stream() -> list[str]:
    from redis.exceptions import RedisError

    try:
        consumer = Consumer()
        left = consumer.waiting()
        while left > 0 and (moved := consumer.drain_batch(block_ms=None)):
            left -= moved
        waiting = consumer.waiting()
    except (RedisError, DatabaseError) as error:
        reason = " ".join(str(error).split())
        return [f"events in the stream, which could not be read ({reason}); run the command again"]
    return (
        [f"{waiting:,} events in the stream, which another process is draining; run the command again"]
        if waiting
        else []
    )
