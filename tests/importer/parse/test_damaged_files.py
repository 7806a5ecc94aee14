"""Damaged or hostile sources are accepted, rejected by line, or refused with one line."""

import bz2
import gzip
import io
import json
import os
import random
import re
import struct
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl
import psutil
import pytest
import xlsxwriter
import zstandard
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from importer import run_import
from importer.exceptions import ImporterError
from importer.jobs import create_job
from importer.models import StagingRecord
from tests.importer.private_site import PrivateSite
from tests.importer.samples.crm.models import Company

pytestmark = pytest.mark.django_db

MEGABYTE = 1024 * 1024
# Without the present second, which would stand in the names of tests and differ from process to process.
gzipped = partial(gzip.compress, mtime=0)

GOOD = "code,name\nA,Ann\nB,Bob\nC,Cid\n"


@dataclass
class Outcome:
    """The outcome of a source: the imported companies, the rejected lines with their codes, or the refusal."""

    codes: list[str] = field(default_factory=list)
    rejected: list[tuple[int, str]] = field(default_factory=list)
    refusal: str = ""


Trying = Callable[..., Outcome]


@pytest.fixture
def trying(folder: Path) -> Trying:
    """Import companies from a file with this content, or from a path."""

    def attempt(content: bytes | str | None = None, name: str = "source.csv", **options: Any) -> Outcome:
        path = folder / name
        if content is not None:
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
        outcome = import_companies(str(path), **options)
        assert sorted((folder / "spool").glob("*")) == [], "nothing may be left in the spool"
        return outcome

    return attempt


def import_companies(source: str, **options: Any) -> Outcome:
    Company.objects.all().delete()
    try:
        job = create_job("companies", source, **options)
    except ImporterError as refusal:
        assert_is_one_line(str(refusal))
        return Outcome(refusal=str(refusal))
    result = run_import(job)
    rejected = StagingRecord.objects.filter(job=job, state="rejected").order_by("line", "pk")
    outcome = Outcome(
        list(Company.objects.order_by("pk").values_list("code", flat=True)),
        [(record.line, record.errors[0]["code"]) for record in rejected],
        result.reason,
    )
    assert result.read == result.inserted + result.rejected
    assert result.inserted == len(outcome.codes)
    assert result.rejected == len(outcome.rejected)
    if result.status == "failed":
        assert_is_one_line(result.reason)
        # "Unexpected TypeError: …" is what stands there for a defect of ours.
        assert not result.reason.startswith("Unexpected")
    else:
        assert result.status == "completed"
    return outcome


def assert_is_one_line(reason: str) -> None:
    assert reason
    assert len(reason.splitlines()) == 1
    assert "Traceback" not in reason
    assert len(reason) < 600


# Delimited text


@pytest.mark.parametrize(
    ("content", "codes", "rejected"),
    [
        ("code,name\n", [], []), ("code,name", [], []), ("\ufeff" + GOOD, ["A", "B", "C"], []),
        (GOOD.replace("\n", "\r\n"), ["A", "B", "C"], []), (GOOD.rstrip(), ["A", "B", "C"], []),
        ("\n\n" + GOOD.replace("\n", "\n\n"), ["A", "B", "C"], []),
        ("code,name\nA,Ann\nB\nC,Cid,x\n,\nD,Dan\n", ["A", "D"],
         [(3, "too_few_fields"), (4, "too_many_fields"), (5, "null")]),
        ('code,name\nA,Ann\nB,"Bob\nC,Cid\n', ["A", "C"], [(3, "unterminated_quote")]),
        ('code,name\nA,Ann\nB,"Bob" the builder\nC,Cid\n', ["A", "C"], [(3, "stray_quote")]),
        ('code,name\nA,Ann\nB,"Bob\nC,"Cid"\nD,Dan\n', ["A", "C", "D"], [(3, "stray_quote")]),
        ('code,name\nA,Ann\nB,5" disk\nC,Cid\n', ["A", "B", "C"], []),
        ("code,name\nA,Ann\nB,B\0b\nC,Cid\n", ["A", "C"], [(3, "null_characters_not_allowed")]),
        ("code,name\nA,Ann\nB,B\rb\nC,Cid\n", ["A", "C"], [(3, "stray_return")]),
        ('code,name\nA,Ann\nB,"B\rb"\nC,"C\r\nc"\n', ["A", "B", "C"], []),
        ("code,name,code2\nA,Ann,\nB,Bob,x\n", ["A", "B"], []), (GOOD.replace("\n", "\r"), ["A", "B", "C"], []),
        ("code,name\nA,Ann\n\x1a", ["A"], []),
        ("code,name\nA,Ann\n\ufeffB,Bob\n", ["A", "\ufeffB"], []),
        ("code,name\n\\.,x\n\\N,\\N\n,x\n", ["\\.", "\\N"], [(4, "null")]),
        ("code,name\nA,\\.\nB,\"\\.\n\"\n", ["A", "B"], []),
        (GOOD.encode("utf-16"), ["A", "B", "C"], []), (GOOD.encode("utf-32"), ["A", "B", "C"], []),
        (b"code,name\nA,Ann\nB,B\xf6b\nC,Cid\n", ["A", "C"], [(3, "undecodable")]),
        (b"code,name\nA,Ann\nB,B\xed\xa0\x80b\nC,Cid\n", ["A", "C"], [(3, "undecodable")]),
        (b"code,name\nA,Ann\nB,B\xc0\x80\nC,\xf4\x90\x80\x80\nD,\xef\xbf\xbf\n", ["A", "D"],
         [(3, "undecodable"), (4, "undecodable")]),
    ],
)  # fmt: skip
def test_a_damaged_record_is_rejected_at_its_line_and_all_others_are_imported(
    trying: Trying, content: str | bytes, codes: list[str], rejected: list[tuple[int, str]]
) -> None:
    assert trying(content) == Outcome(codes, rejected)


@pytest.mark.parametrize("damage", ['7,"x', '"7,x', '7,"x"y', '7,"', '"', '7,"x,y""'])
@pytest.mark.parametrize("place", [0, 1, 777, 1_998, 1_999])
def test_a_stray_quote_costs_its_own_record_alone(trying: Trying, damage: str, place: int) -> None:
    rows = [f'{number},"N ""{number}"""' if number % 3 else f"{number},x" for number in range(2_000)]
    rows[place] = damage

    outcome = trying("code,name\n" + "\n".join(rows) + "\n")

    assert outcome.codes == [str(number) for number in range(2_000) if number != place]
    assert [line for line, _ in outcome.rejected] == [place + 2]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", "is empty"),
        ("\ufeff", "is empty|only blank lines"),
        (" ", 'no column "code"'),
        ("\n\r\n\n", "only blank lines"),
        ("\0" * 100_000, "column|header"),
        ("A,Ann\nB,Bob\n", 'no column "code"'),
        ("code\nA\n", 'no column "name"'),
        ("Codes,Name\nA,Ann\n", 'did you mean "Codes"'),
        ("code,name,name\nA,Ann,x\n", '"name" more than once'),
        ("code;name\nA;Ann\n", 'is the delimiter ";"'),
        ("code\tname\nA\tAnn\n", "is the delimiter"),
        ("code,name,n\0te\nA,Ann,x\n", "NUL"),
        ('code,"name\nA,Ann\nB,Bob\n', "header"),
        (b"c\xf6de,name\nA,Ann\n", "not valid utf-8"),
        (GOOD.encode("utf-16-le"), "header|column"),
        (GOOD.encode("utf-32-le"), "header|column"),
        (",".join(f"c{number}" for number in range(50_000)) + "\n", "has 50,000 columns, more than the 2,000"),
        ("x" * 20_000_000, "header|column"),
        (gzipped(GOOD.encode()), "is gzip, whatever its name says; end its name with .gz"),
        (bz2.compress(GOOD.encode()), "is bzip2, whatever its name says; unpack it first"),
        (b"SQLite format 3\0" + bytes(2_000), "use db:ALIAS/TABLE"),
        (random.Random(1).randbytes(100_000), "header|column"),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_what_it_should_is_refused(
    trying: Trying, content: str | bytes, reason: str
) -> None:
    outcome = trying(content)

    assert outcome == Outcome(refusal=outcome.refusal)
    assert re.search(reason, outcome.refusal), outcome.refusal


# Encodings


@pytest.mark.parametrize(
    ("encoding", "name"),
    [
        ("utf-16", "日本"), ("utf-16-le", "日本"), ("utf-16-be", "日本"), ("utf-32", "😀"), ("utf-7", "日本"),
        ("utf-8-sig", "é"), ("shift_jis", "表示ソ能"), ("cp932", "①"), ("euc-jp", "日本"), ("iso2022_jp", "日本"),
        ("gb18030", "𠀀"), ("big5", "許功蓋"), ("cp1252", "€“”"), ("latin-1", "ÿ\x85"), ("cp437", "█"),
        ("cp037", "abc"), ("mac-roman", "Ω"), ("UTF8", "é"), ("u8", "é"), ("L1", "é"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("lane", ["", "short\n"])
def test_every_encoding_that_is_named_rightly_is_read(
    trying: Trying, encoding: str, name: str, lane: str
) -> None:
    outcome = trying(f'code,name\nA,{name}\nB,"{name}\n{name}"\n{lane}'.encode(encoding), encoding=encoding)

    assert outcome == Outcome(["A", "B"], [(5, "too_few_fields")] if lane else [])
    assert list(Company.objects.order_by("code").values_list("name", flat=True)) == [name, f"{name}\n{name}"]


@pytest.mark.parametrize(
    ("encoding", "broken"),
    [
        ("utf-8", b"\xff"), ("ascii", b"\xe9"), ("cp1252", b"\x81"), ("shift_jis", b"\xff"),
        ("euc-jp", b"\xff"), ("gb18030", b"\xff"), ("utf-16-le", b"\x00\xd8"), ("utf-16-be", b"\xdc\x00"),
        ("utf-32-le", b"\x00\xd8\x00\x00"),
    ],
)  # fmt: skip
def test_a_broken_byte_costs_its_own_record_alone_in_any_encoding(
    trying: Trying, encoding: str, broken: bytes
) -> None:
    before, after = (text.encode(encoding) for text in ("code,name\nA,Ann\nB,x", "y\nC,Cid\n"))

    outcome = trying(before + broken + after, encoding=encoding)

    assert outcome.rejected == [(3, "undecodable")]
    assert outcome.codes == ["A", "C"]


def test_a_file_that_ends_within_a_character_loses_its_last_record_only(trying: Trying) -> None:
    outcome = trying("code,name\nA,Ann\nB,日本".encode("utf-16")[:-1], encoding="utf-16")

    assert outcome == Outcome(["A"], [(3, "undecodable")])


@pytest.mark.parametrize(
    "encoding",
    ["no-such", "base64", "hex", "zlib", "bz2", "rot13", "idna", "punycode", "undefined", "uu",
     "../../utf-16", "utf/16", "utf-16\0", "é", " "],
)  # fmt: skip
def test_an_encoding_that_is_none_is_refused(trying: Trying, encoding: str) -> None:
    outcome = trying(GOOD, encoding=encoding)

    assert outcome.codes == []
    assert outcome.refusal


# Archives


def zipped(*members: tuple[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return buffer.getvalue()


def flagged_as_encrypted(archive: bytes) -> bytes:
    data = bytearray(archive)
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        place = data.index(signature) + offset
        data[place] |= 1
    return bytes(data)


def with_unknown_method(archive: bytes) -> bytes:
    data = bytearray(archive)
    for signature, offset in ((b"PK\x03\x04", 8), (b"PK\x01\x02", 10)):
        place = data.index(signature) + offset
        data[place : place + 2] = struct.pack("<H", 99)
    return bytes(data)


def without_a_name(archive: bytes) -> bytes:
    """Turn the one letter of the name in the directory into a letter of the comment."""
    data = bytearray(archive)
    place = data.index(b"PK\x01\x02") + 28
    data[place : place + 6] = struct.pack("<HHH", 0, 0, 1)
    return bytes(data)


def with_a_false_size(archive: bytes) -> bytes:
    """Let the directory claim a thousandth of the member's size."""
    data = bytearray(archive)
    place = data.index(b"PK\x01\x02") + 24
    data[place : place + 4] = struct.pack("<I", struct.unpack("<I", data[place : place + 4])[0] // 1_000)
    return bytes(data)


def with_a_false_sum(archive: bytes) -> bytes:
    data = bytearray(archive)
    data[data.index(b"PK\x01\x02") + 16] ^= 1
    return bytes(data)


def packed_and_damaged(method: int, damage: Callable[[bytes], bytes]) -> bytes:
    return damage(zipped(("a.csv", LARGE), method=method))


LARGE = ("code,name\n" + "".join(f"{number},x{number * 7919}\n" for number in range(30_000))).encode()
# Packed only when its test runs: each process of a parallel run imports this module.
ARCHIVES: list[tuple[str, Callable[[], bytes], str]] = [
    ("truncated.csv.gz", lambda: gzipped(LARGE)[:-9], "damaged|end"),
    ("half.csv.gz", lambda: gzipped(LARGE)[: len(gzipped(LARGE)) // 2], "damaged|end"),
    ("garbage.csv.gz", lambda: b"this is no archive, whatever its name says", "damaged"),
    ("empty.csv.gz", lambda: b"", "damaged|empty"), ("nothing.csv.gz", lambda: gzipped(b""), "empty"),
    ("crc.csv.gz", lambda: gzipped(LARGE)[:-8] + b"\0\0\0\0" + gzipped(LARGE)[-4:], "damaged"),
    ("twice.csv.gz", lambda: gzipped(gzipped(GOOD.encode())), "header|column"),
    ("two.csv.zip", lambda: zipped(("a.csv", LARGE), ("a.csv", LARGE)), "2 times"),
    ("none.csv.zip", lambda: zipped(), "exactly one file"),
    ("folder.csv.zip", lambda: zipped(("folder/", b"")), "exactly one file"),
    ("locked.csv.zip", lambda: flagged_as_encrypted(zipped(("a.csv", LARGE))), "encrypted"),
    ("method.csv.zip", lambda: with_unknown_method(zipped(("a.csv", LARGE))), "damaged|method"),
    ("liar.csv.zip", lambda: with_a_false_size(zipped(("a.csv", LARGE))), "damaged|more than"),
    ("truncated.csv.zip", lambda: zipped(("a.csv", LARGE))[:-30], "damaged"),
    ("flipped.csv.zip", lambda: zipped(("a.csv", LARGE)).replace(LARGE[:4], b"xxxx"), ""),
    ("stored.csv.zip", lambda: zipped(("a.csv", LARGE), method=zipfile.ZIP_STORED).replace(b"29999,", b"29998,"),
     "damaged"),
    *(
        (f"{damage.__name__}-{method}.csv.zip", partial(packed_and_damaged, method, damage), "damaged")
        for method in (zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
        for damage in (with_a_false_size, with_a_false_sum)
    ),
    ("nameless.csv.zip", lambda: without_a_name(zipped(("a", LARGE))), "damaged"),
    ("garbage.csv.zip", lambda: b"PK\x03\x04 and nothing more", "damaged"), ("empty.csv.zip", lambda: b"", "damaged"),
    ("truncated.csv.zst", lambda: zstandard.compress(LARGE)[:-40], "damaged"),
    ("garbage.csv.zst", lambda: b"no archive either", "damaged"), ("empty.csv.zst", lambda: b"", "damaged|empty"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "make", "reason"), ARCHIVES, ids=[name for name, *_ in ARCHIVES])
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_damaged_archive_is_refused_before_its_first_record(
    trying: Trying, name: str, make: Callable[[], bytes], reason: str
) -> None:
    outcome = trying(make(), name=name)

    if reason:
        assert outcome == Outcome(refusal=outcome.refusal)
        assert re.search(reason, outcome.refusal), outcome.refusal


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("members.csv.gz", gzipped(b"code,name\nA,An") + gzipped(b"n\nB,Bob\n")),
        ("climbing.csv.zip", zipped(("../../../climbing.csv", b"code,name\nA,Ann\nB,Bob\n"))),
        ("lzma.csv.zip", zipped(("a.csv", b"code,name\nA,Ann\nB,Bob\n"), method=zipfile.ZIP_LZMA)),
        ("bzip2.csv.zip", zipped(("a.csv", b"code,name\nA,Ann\nB,Bob\n"), method=zipfile.ZIP_BZIP2)),
        ("frames.csv.zst", zstandard.compress(b"code,name\nA,An") + zstandard.compress(b"n\nB,Bob\n")),
        ("LOUD.CSV.GZ", gzipped(b"code,name\nA,Ann\nB,Bob\n")),
    ],
)  # fmt: skip
def test_an_unusual_but_sound_archive_is_read(
    trying: Trying, folder: Path, name: str, content: bytes
) -> None:
    outcome = trying(content, name=name)

    assert outcome == Outcome(["A", "B"])
    assert sorted(path.name for path in folder.iterdir()) == sorted([name, "spool"])


@pytest.mark.parametrize("name", ["bomb.csv.gz", "bomb.csv.zip", "bomb.csv.zst"])
def test_an_archive_bomb_is_refused_by_its_ratio(trying: Trying, folder: Path, name: str) -> None:
    # Newlines, and 100 MB of them: as text it would be a file of blank lines.
    bomb = b"code,name\n" + b"\n" * (100 * MEGABYTE)
    packed = {
        "gz": lambda: gzipped(bomb, 1),
        "zip": lambda: zipped(("a", bomb)),
        "zst": lambda: zstandard.compress(bomb),
    }

    outcome = trying(packed[name.rsplit(".", 1)[1]](), name=name)

    assert "archive bombs" in outcome.refusal


@pytest.mark.parametrize("name", ["large.csv.gz", "large.csv.zip", "large.csv.zst"])
def test_an_archive_over_the_budget_is_refused(trying: Trying, settings: Any, name: str) -> None:
    settings.IMPORTER |= {"SPOOL_MAX_BYTES": 100_000}
    packed = {"gz": gzipped(LARGE), "zip": zipped(("a", LARGE)), "zst": zstandard.compress(LARGE)}

    outcome = trying(packed[name.rsplit(".", 1)[1]], name=name)

    assert "more than 100,000 bytes" in outcome.refusal


# Places


def test_what_is_no_regular_file_is_refused_without_touching_it(trying: Trying, folder: Path) -> None:
    (folder / "real.csv").write_text(GOOD)
    (folder / "folder.csv").mkdir()
    (folder / "link.csv").symlink_to(folder / "real.csv")
    (folder / "dangling.csv").symlink_to(folder / "nowhere.csv")
    (folder / "loop.csv").symlink_to(folder / "loop.csv")
    os.mkfifo(folder / "fifo.csv")  # opening it would wait for ever

    refusals = {
        name: trying(name=f"{name}.csv").refusal
        for name in ("folder", "link", "dangling", "loop", "fifo", "missing")
    }

    assert all(refusals.values())
    assert "not a regular file" in refusals["folder"]
    assert "symbolic link" in refusals["link"]
    assert "not a regular file" in refusals["fifo"]
    assert "There is no file" in refusals["missing"]


@pytest.mark.parametrize(
    "source",
    [
        "/dev/zero", "/dev/stdin", "/proc/self/environ", "/etc/passwd", "{folder}/../outside.csv",
        "{folder}/x/../../outside.csv", "{folder}/away/passwd", "{folder}-twin/a.csv", "~/x.csv",
        "{folder}/a\0b.csv", "http://127.0.0.1/x.csv", "file:///etc/passwd", "ftp://host/x.csv", "", ".", "..",
        "db:", "db:/", "db:default/", "db:nowhere/table", "db:default/no_such_table", "db:default/x\0y",
        'db:default/crm_company"; DROP TABLE crm_company; --', "{folder}/" + "x" * 300 + ".csv",
        "{folder}/" + "x/" * 2_500 + "x.csv", "{folder}/x\n.csv", "s3://bucket/key.csv",
    ],
)  # fmt: skip
def test_a_source_outside_of_the_roots_is_refused(folder: Path, source: str) -> None:
    (folder.parent / "outside.csv").write_text(GOOD)
    (folder / "away").symlink_to("/etc")
    (folder / "x").mkdir()

    outcome = import_companies(
        source.format(folder=folder), format=None if source.startswith("db:") else "csv"
    )

    assert outcome.codes == []
    assert outcome.refusal
    assert "root:" not in outcome.refusal
    assert Company.objects.count() == 0  # and the table is still there


@pytest.mark.parametrize("swap", ["fifo", "link", "folder", "gone", "device"])
def test_a_file_that_is_swapped_after_the_job_was_made_is_refused(folder: Path, swap: str) -> None:
    path = folder / "source.csv"
    path.write_text(GOOD)
    job = create_job("companies", str(path))
    path.unlink()
    if swap == "fifo":
        os.mkfifo(path)
    elif swap == "link":
        path.symlink_to("/etc/passwd")
    elif swap == "folder":
        path.mkdir()
    elif swap == "device":
        path.symlink_to("/dev/zero")

    result = run_import(job)

    assert result.status == "failed"
    assert_is_one_line(result.reason)
    assert not result.reason.startswith("Unexpected")


# JSON lines


def companies(*lines: str) -> str:
    return "\n".join(['{"code": "A", "name": "Ann"}', *lines, '{"code": "Z", "name": "Zoe"}']) + "\n"


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ('{"code": "B", "name": "Bo', "invalid_json"), ("{'code': 'B'}", "invalid_json"),
        ('{"code": "B",}', "invalid_json"), ('{"code": "B"} {"code": "C"}', "invalid_json"),
        ("null", "not_an_object"), ("[]", "not_an_object"), ('["B", "Bob"]', "not_an_object"),
        ("7", "not_an_object"), ('"B"', "not_an_object"), ("NaN", "not_an_object"), ("x", "invalid_json"),
        ("[" * 100_000, "invalid_json"), ('{"a":' * 100_000, "invalid_json"),
        ('{"code": "B", "name": "\\ud800"}', "undecodable"),
        ('{"code": "B", "name": "Bob", "extra": {"a": ["\\udfff"]}}', "undecodable"),
        ('{"code": "B", "name": "Bob", "\\ud800": 1}', "undecodable"),
        ('{"code": "B", "name": "a\\u0000b"}', "null_characters_not_allowed"), ('{"code": "B"}', "null"),
        ("{}", "null"), ('{"code": "B", "name": null}', "null"),
        ('{"code": "BBBBBBBBBBB", "name": "x"}', "max_length"),
        ('{"code": "B", "name": "Bob", "extra": ' + "9" * 5_000 + "}", ""),
        ('{"code": "B", "name": "Bob", "extra": [' + "9" * 5_000 + "]}", ""),
        ('{"code": "B", "name": "Bob", "extra": [NaN, 1e999]}', ""),
        ('{"code": "B", "name": "Bob", "b\\u0000d": 1}', "null_characters_not_allowed"),
        ('{"code": "B", "name": "Bob", "": 1}', ""),
        ('{"code": "X", "code": "B", "name": "Bob"}', ""), ('{"code": "B", "name": true}', ""),
        ('  {"code": "B", "name": 1.50}  \r', ""), ('{"code": "B", "name": "\\ud83d\\ude00"}', ""),
        ('{"code": "B", "name": "Bob", "late": {"deep": 1}}', ""),
        ('{"code": "B", "name": "' + "x" * 17_000_000 + '"}', "record_too_long"),
        ('\ufeff{"code": "B", "name": "Bob"}', "invalid_json"),
    ],
    ids=range(33),
)  # fmt: skip
def test_a_broken_json_line_is_rejected_at_its_line(trying: Trying, line: str, code: str) -> None:
    outcome = trying(companies(line), name="source.jsonl")

    assert outcome == Outcome(["A", "Z"] if code else ["A", "B", "Z"], [(2, code)] if code else [])


def test_bytes_that_are_no_text_cost_their_json_line_alone(trying: Trying) -> None:
    content = companies("X").encode().replace(b"X", b'{"code": "B", "name": "\xff"}')

    assert trying(content, name="source.jsonl") == Outcome(["A", "Z"], [(2, "undecodable")])


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ('[{"code": "A", "name": "Ann"}]', "a JSON array"), ("[\n]", "a JSON array"), ("", "empty"),
        ("\n\n", "no objects"), ("{}\n{}\n", "valid JSON objects"),
        ("not json\nat all\n", "valid JSON objects"),
        (GOOD, "valid JSON objects"), ('{"Codes": "A", "name": "Ann"}\n', 'did you mean "Codes"'),
        (random.Random(2).randbytes(100_000), "valid JSON objects"), ("\0" * 1_000, "valid JSON objects"),
        ('{\n  "code": "A",\n  "name": "Ann"\n}\n', "valid JSON objects"),
        (companies().encode("utf-16-le"), "valid JSON objects"), ('{"\\ud800": 1}\n', "column|JSON objects"),
    ],
    ids=range(13),
)  # fmt: skip
def test_a_file_that_is_no_json_lines_is_refused(trying: Trying, content: str | bytes, reason: str) -> None:
    outcome = trying(content, name="source.jsonl")

    assert outcome == Outcome(refusal=outcome.refusal)
    assert re.search(reason, outcome.refusal), outcome.refusal


def test_json_lines_in_utf_16_are_read(trying: Trying) -> None:
    assert trying(companies().encode("utf-16"), name="source.jsonl", encoding="utf-16") == Outcome(["A", "Z"])


# Parquet


def parquet(**columns: Any) -> bytes:
    buffer = io.BytesIO()
    pl.DataFrame({"code": ["A", "B"], "name": ["Ann", "Bob"]} | columns).write_parquet(buffer)
    return buffer.getvalue()


SOUND = parquet()


@pytest.mark.parametrize(
    "content",
    [
        b"", b"PAR1", b"PAR1PAR1", SOUND[:-1], SOUND[:-8], SOUND[: len(SOUND) // 2], SOUND[4:], b"x" + SOUND,
        SOUND[:-8] + b"\xff\xff\xff\x7fPAR1", SOUND[:-8] + b"\0\0\0\0PAR1",
        SOUND[:-20] + b"\xff" * 12 + SOUND[-8:], GOOD.encode(), random.Random(3).randbytes(5_000),
        b"PAR1" + random.Random(4).randbytes(5_000) + b"PAR1",
    ],
    ids=range(14),
)  # fmt: skip
def test_parquet_with_a_bad_footer_is_refused(trying: Trying, content: bytes) -> None:
    outcome = trying(content, name="source.parquet")

    assert outcome == Outcome(refusal=outcome.refusal)
    assert "is not readable Parquet" in outcome.refusal


def test_parquet_columns_of_other_types_do_no_harm(trying: Trying) -> None:
    content = parquet(
        nested=[{"a": [1, None]}, None], binary=[b"\xff\0", None], null=[None, None], nan=[float("nan"), float("-inf")],
    )  # fmt: skip

    assert trying(content, name="source.parquet") == Outcome(["A", "B"])


def test_a_parquet_value_that_is_no_text_costs_its_record_alone(trying: Trying) -> None:
    content = parquet(name=pl.Series([b"\xff\xfe", b"Bob"], dtype=pl.Binary))

    assert trying(content, name="source.parquet") == Outcome(["B"], [(1, "undecodable")])


def test_a_parquet_column_with_a_nul_in_its_name_is_refused(trying: Trying) -> None:
    outcome = trying(parquet(**{"n\0te": ["x", "y"]}), name="source.parquet")

    assert "has a NUL in the column" in outcome.refusal
    assert_is_one_line(outcome.refusal)


@pytest.mark.parametrize(
    ("kind", "name", "refusal"),
    [
        ("csv", "n\0te", 'has a NUL in the column "n'),
        ("csv", "n\ud800te", "is not valid utf-8"),
        ("jsonl", "n\0te", "does not begin with valid JSON objects: "),
        ("jsonl", "n\ud800te", "does not begin with valid JSON objects: "),
        ("xlsx", "n\0te", 'has a NUL in the column "n'),
        ("xlsx", "n\ud800te", ""),  # stays written as _xD800_
    ],
    ids=lambda value: ascii(value)[:12],
)
def test_a_column_whose_name_postgresql_cannot_store_is_refused_in_one_line(
    trying: Trying, kind: str, name: str, refusal: str
) -> None:
    outcome = trying(with_a_column(kind, name), name=f"source.{kind}")

    assert refusal in outcome.refusal
    assert outcome.codes == ([] if refusal else ["A", "B"])
    assert "none has a key" not in outcome.refusal


def with_a_column(kind: str, name: str) -> bytes:
    """Two companies, and a column with this name, as each kind of file has it."""
    if kind == "csv":
        return f"code,name,{name}\nA,Ann,x\nB,Bob,y\n".encode("utf-8", "surrogatepass")
    if kind == "jsonl":
        return "".join(json.dumps({"code": c, "name": c * 3, name: "x"}) + "\n" for c in "AB").encode()
    written, read = io.BytesIO(), io.BytesIO()
    workbook = xlsxwriter.Workbook(written)
    sheet = workbook.add_worksheet()
    for row, cells in enumerate((["code", "name", "NAME"], ["A", "Ann", "x"], ["B", "Bob", "y"])):
        sheet.write_row(row, 0, cells)
    workbook.close()
    title = "".join(f"_x{ord(letter):04X}_" if not letter.isalpha() else letter for letter in name)
    with zipfile.ZipFile(written) as old, zipfile.ZipFile(read, "w") as new:
        for member in old.namelist():
            new.writestr(member, old.read(member).replace(b"NAME", title.encode()))
    return read.getvalue()


def test_a_parquet_file_without_records_is_empty(trying: Trying) -> None:
    content = parquet(code=pl.Series([], dtype=pl.String), name=pl.Series([], dtype=pl.String))

    assert trying(content, name="source.parquet") == Outcome()


# Any damage at all


def as_json() -> bytes:
    return "".join(json.dumps({"code": f"c{n}", "name": f"näme {n}"}) + "\n" for n in range(30)).encode()


WHOLE: dict[str, bytes] = {
    "damaged.csv": ("code,name\n" + "".join(f'c{n},"näme ""{n}"""\n' for n in range(30))).encode(),
    "damaged.jsonl": as_json(),
    "damaged.parquet": parquet(code=[f"c{n}" for n in range(30)], name=[f"näme {n}" for n in range(30)]),
    "damaged.csv.gz": gzipped(GOOD.encode()),
    "damaged.csv.zip": zipped(("a.csv", GOOD.encode())),
    "damaged.csv.zst": zstandard.compress(GOOD.encode()),
}


@st.composite
def harms(draw: st.DrawFn) -> Callable[[bytes], bytes]:
    """Draw bytes to flip, cut, double or insert, at places given as parts of the file's length."""
    seed, count = draw(st.integers(0, 2**32)), draw(st.integers(1, 4))
    kinds = draw(
        st.lists(
            st.sampled_from(["flip", "set", "cut", "double", "insert", "end"]), min_size=count, max_size=count
        )
    )

    def damage(data: bytes) -> bytes:
        randomness = random.Random(seed)
        for kind in kinds:
            at = randomness.randrange(len(data)) if data else 0
            upto = at + randomness.randrange(1, 20)
            if kind == "flip":
                data = (
                    data[:at]
                    + bytes(byte ^ (1 << randomness.randrange(8)) for byte in data[at : at + 1])
                    + data[at + 1 :]
                )
            elif kind == "set":
                data = (
                    data[:at]
                    + randomness.choice([b"\0", b"\xff", b'"', b"\n", b"\r", b",", b"{", b"\\"])
                    + data[at + 1 :]
                )
            elif kind == "cut":
                data = data[:at] + data[upto:]
            elif kind == "double":
                data = data[:upto] + data[at:]
            elif kind == "insert":
                data = data[:at] + randomness.randbytes(upto - at) + data[at:]
            else:
                data = data[:at]
        return data

    return damage


@pytest.mark.parametrize("name", WHOLE)
@hypothesis_settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck), print_blob=True)
@given(harm=harms())
def test_any_damage_ends_in_records_rejections_or_a_refusal(
    trying: Trying, name: str, harm: Callable[[bytes], bytes]
) -> None:
    content = harm(WHOLE[name])

    outcome = trying(content, name=name)

    # `trying` has proved the rest: each record has one fate, a refusal is one line and no surprise.
    assert outcome.codes or outcome.rejected or outcome.refusal or len(content) < 40


# Size


@pytest.mark.parametrize(
    "kind",
    ["quoted", "json", *(pytest.param(kind, marks=pytest.mark.long) for kind in ("bare", "no-newline"))],
)
def test_a_field_of_100_mb_is_rejected_within_512_mb(private_site: PrivateSite, kind: str) -> None:
    path = private_site.folder / ("huge.jsonl" if kind == "json" else "huge.csv")
    beginning, end = {
        "quoted": (b'code,name\nA,Ann\nB,"', b'"\nC,Cid\n'),
        "bare": (b"code,name\nA,Ann\nB,", b"\nC,Cid\n"),
        "json": (
            b'{"code": "A", "name": "Ann"}\n{"code": "B", "name": "',
            b'"}\n{"code": "C", "name": "Cid"}\n',
        ),
        "no-newline": (b"code,name\nA,Ann\nC,Cid\nB,", b""),
    }[kind]
    with path.open("wb") as file:
        file.write(beginning)
        for _ in range(100):
            file.write(b"x" * MEGABYTE)
        file.write(end)
    private_site.sql("DELETE FROM crm_company WHERE code = ANY(%s)", ["A", "B", "C"])
    job = private_site.create_job(path, "companies")

    process = private_site.start("run_import", str(job), "--no-progress", "--executor", "inline")
    peak = peak_of(process.pid)
    _, err = process.communicate(timeout=60)
    path.unlink()

    assert process.returncode == 0, err
    assert private_site.sql("SELECT code FROM crm_company WHERE length(code) = 1 ORDER BY code") == [
        ("A",),
        ("C",),
    ]
    assert private_site.sql(
        "SELECT line, errors->0->>'code' FROM staging_records WHERE job_id = %s", job
    ) == [(2 if kind == "json" else 4 if kind == "no-newline" else 3, "record_too_long")]
    assert peak < 512 * MEGABYTE


def peak_of(pid: int) -> int:
    """Return the largest resident size of the process, measured until it ends."""
    process, peak = psutil.Process(pid), 0
    while True:
        try:
            if process.status() == psutil.STATUS_ZOMBIE:
                return peak
            status = Path(f"/proc/{pid}/status")
            mark = next((line for line in status.read_text().splitlines() if line.startswith("VmHWM")), "")
            peak = max(peak, int(mark.split()[1]) * 1024 if mark else process.memory_info().rss)
            process.wait(0.05)
        except psutil.TimeoutExpired:
            continue
        except (psutil.NoSuchProcess, FileNotFoundError, ProcessLookupError):
            return peak
