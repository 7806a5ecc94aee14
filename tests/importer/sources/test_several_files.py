"""Several files, patterns and archives as one job."""

import datetime as dt
import gzip
import io
import json
import os
import stat
import zipfile
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command

from importer import run_import
from importer.exceptions import SourceRefused
from importer.jobs import create_job
from importer.models import DataImportJob, LogEvent, StagingRecord
from importer.privacy.retention import prune_uploads
from importer.rejects.report import make_report
from importer.sources.globs import natural
from tests.importer.parse.sheets.books import row, xlsx
from tests.importer.samples.crm.models import Company, Contact

pytestmark = pytest.mark.django_db(transaction=True)

LONG_AGO = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
HEADER = "legacy_id,email,ROLE,JOIN_DT,COMP_CD\n"


def written(folder: Path, **texts: str | bytes) -> None:
    """Write files; in names "__" stands for a dot."""
    for name, text in texts.items():
        path = folder / name.replace("__", ".")
        path.write_bytes(text if isinstance(text, bytes) else text.encode())


def record(number: int, mail: str = "") -> str:
    return f"{number},{mail or f'p{number}@example.com'},,,\n"


def zipped(members: dict[str, str | bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, text in members.items():
            archive.writestr(name, text)
    return file.getvalue()


def ran(spec: str, source: Any, **options: Any) -> tuple[DataImportJob, Any]:
    job = create_job(spec, source)
    result = run_import(job, **{"workers": 1} | options)
    job.refresh_from_db()
    return job, result


def names_of(job: DataImportJob) -> list[str]:
    return [part["name"] for part in job.parts]


def refusal(job: DataImportJob) -> str:
    result = run_import(job)
    assert result.status == "failed", result
    return str(result.reason)


# Order


def test_numbers_in_names_are_sorted_as_numbers() -> None:
    assert sorted(["b", "a10", "a2", "a", "2021-02", "2021-1"], key=natural) == [
        "2021-1", "2021-02", "a", "a2", "a10", "b",
    ]  # fmt: skip


@pytest.mark.parametrize("is_quoted", [True, False])
def test_a_pattern_is_read_in_natural_order_whoever_expands_it(folder: Path, is_quoted: bool) -> None:
    for number in (1, 2, 10):
        (folder / f"m-{number}.csv").write_text(HEADER + record(1, f"of{number}@example.com"))
    pattern = str(folder / "m-*.csv")
    sources = [pattern] if is_quoted else sorted(map(str, folder.glob("m-*.csv")))

    output = io.StringIO()
    call_command("create_import", "contacts", *sources, stdout=output)
    job = DataImportJob.objects.get(pk=int(output.getvalue()))
    result = run_import(job)

    assert (result.read, result.inserted) == (3, 1), result
    assert Contact.objects.get().email == "of10@example.com"  # the last one wins
    job.refresh_from_db()
    assert names_of(job) == ["m-1.csv", "m-2.csv", "m-10.csv"]
    assert job.source == (pattern if is_quoted else " ".join(sources))


def test_an_order_that_no_shell_makes_is_kept(folder: Path) -> None:
    written(folder, full__csv=HEADER + record(1, "full@example.com"))
    written(folder, delta__csv=HEADER + record(1, "delta@example.com"))

    ran("contacts", [str(folder / "full.csv"), str(folder / "delta.csv")])

    assert Contact.objects.get().email == "delta@example.com"


# Where a person sees a line


def test_people_see_the_file_and_its_own_line(folder: Path) -> None:
    written(folder, a__csv=HEADER + record(1) + record(2))
    written(folder, b__csv=HEADER + record(3) + "x,y@example.com,,,\n" + '4,"p4@\n5,z,,,')

    job, result = ran("contacts", str(folder / "*.csv"))

    assert (result.read, result.rejected) == (6, 3), result
    places = [family.examples[0].place for family in make_report(job).families]
    assert set(places) == {"b.csv, line 3", "b.csv, line 4", "b.csv, line 5"}
    output = io.StringIO()
    call_command("import_report", str(job.pk), stdout=output)
    assert "b.csv, line 3: " in output.getvalue()
    assert "  files     2: a.csv, b.csv\n" in output.getvalue()
    assert str(StagingRecord.objects.order_by("line").first()).startswith("b.csv, line 3 of job")


def test_rejects_are_fixed_by_file_and_line(folder: Path) -> None:
    written(folder, a__csv=HEADER + record(1) + "x,a@example.com,,,\n")
    written(folder, b__csv=HEADER + record(3) + "y,b@example.com,,,\n")
    job, _ = ran("contacts", str(folder / "*.csv"))
    rejects = folder / "rejects.csv"

    call_command("export_rejects", str(job.pk), output=rejects)
    text = rejects.read_text()
    rejects.write_text(text.replace(",y,", ",7,"))
    call_command("replay_rejects", str(job.pk), rejects)

    assert '"a.csv, line 3",' in text
    assert '"b.csv, line 3",' in text
    assert Contact.objects.get(legacy_id=7).email == "b@example.com"

    rejects.write_text(text.replace("a.csv, line 3", "a.csv, line 99"))
    with pytest.raises(
        CommandError, match=r'"a.csv, line 99" in _line, line 2; _line must be a file and its'
    ):
        call_command("replay_rejects", str(job.pk), rejects)


@pytest.mark.parametrize("workers", [1, 2])
def test_keys_that_occur_in_two_files_are_found(folder: Path, settings: Any, workers: int) -> None:
    settings.IMPORTER |= {"CHUNK_BYTES": 400}
    for number, first in enumerate((1, 41, 81), 1):
        rows = "".join(record(n) for n in range(first, first + 40))
        (folder / f"{number}.csv").write_text(HEADER + rows + record(5, f"last{number}@example.com"))

    job, result = ran("contacts", str(folder / "*.csv"), workers=workers)

    assert result.status == "completed", result
    assert (result.read, Contact.objects.count()) == (123, 120)
    assert Contact.objects.get(legacy_id=5).email == "last3@example.com"
    notes = " ".join(make_report(job).notes)
    assert '"5" in 1.csv, line 6, 1.csv, line 42, 2.csv, line 42' in notes
    chunks = job.chunks.filter(number__gt=0).order_by("number")
    starts = [part["first_offset"] for part in job.parts]
    assert all(not c.start_offset < start < c.end_offset for c in chunks for start in starts)


# Columns and formats


def test_columns_are_matched_by_name(folder: Path) -> None:
    written(
        folder,
        a__csv=HEADER + record(1),
        b__csv="email,ROLE,legacy_id,COMP_CD,JOIN_DT\np2@example.com,admin,2,,\n",
    )

    job, result = ran("contacts", str(folder / "*.csv"))

    assert result.inserted == 2, result
    assert job.columns == HEADER.strip().split(",")
    assert Contact.objects.get(role="admin").email == "p2@example.com"


def test_other_columns_are_refused_when_the_job_is_planned(folder: Path) -> None:
    written(
        folder, a__csv=HEADER + record(1), b__csv="legacy_id,mail,ROLE,JOIN_DT,COMP_CD,more\n2,a,user,,,\n"
    )

    job = create_job("contacts", str(folder / "*.csv"))

    assert refusal(job) == (
        'The file "b.csv" has other columns than "a.csv": it lacks "email" and it has also "mail", "more". '
        "All files of one job need the same columns; make a job of its own for this file."
    )
    assert not Contact.objects.exists()


def test_columns_of_later_files_may_differ_in_case_blanks_and_underscores(folder: Path) -> None:
    other = "joindt,Legacy ID,EMAIL,role,comp_cd\n,2,b@example.com,user,\n"
    written(folder, a__csv=HEADER + record(1), b__csv=other, c__csv=HEADER + record(3))

    job = create_job("contacts", str(folder / "*.csv"))

    result = run_import(job, executor="inline")
    assert (result.status, result.inserted) == ("completed", 3), result
    assert Contact.objects.get(legacy_id=2).email == "b@example.com"


def test_columns_that_resemble_one_another_are_not_guessed(folder: Path) -> None:
    """Either of two may be meant."""
    written(
        folder,
        a__csv=HEADER + record(1),
        b__csv="legacy_id,E_mail,e mail,ROLE,JOIN_DT,COMP_CD\n2,a,b,user,,\n",
    )

    job = create_job("contacts", str(folder / "*.csv"))

    assert 'it lacks "email" and it has also "E_mail", "e mail"' in refusal(job)


def test_without_a_header_columns_are_matched_by_position(folder: Path) -> None:
    written(folder, a__csv=record(1), b__csv=record(2))

    job = create_job(
        "contacts", str(folder / "*.csv"), dialect={"header": False, "columns": HEADER.strip().split(",")}
    )

    assert run_import(job).inserted == 2


def test_records_of_json_lines_may_lack_keys_in_one_file(folder: Path) -> None:
    lines = [
        {"legacy_id": 1, "email": "a@example.com", "JOIN_DT": None, "COMP_CD": None},
        {"email": "b@example.com", "legacy_id": 2, "ROLE": "admin"},
    ]
    written(folder, a__jsonl=json.dumps(lines[0]), b__jsonl=json.dumps(lines[1]))

    _, result = ran("contacts", str(folder / "*.jsonl"))

    assert result.inserted == 2, result
    assert list(Contact.objects.order_by("legacy_id").values_list("role", flat=True)) == ["user", "admin"]


def test_parquet_files_are_counted_in_records(folder: Path) -> None:
    frame = pl.DataFrame({"legacy_id": [1, 2], "email": ["a@example.com", "wrong"]}).with_columns(
        pl.lit("").alias(name) for name in ("ROLE", "JOIN_DT", "COMP_CD")
    )
    frame.write_parquet(folder / "a.parquet")
    frame.with_columns(pl.col("legacy_id") + 2).select(frame.columns[::-1]).write_parquet(
        folder / "b.parquet"
    )

    job, result = ran("contacts", str(folder / "*.parquet"))

    assert (result.inserted, result.rejected) == (2, 2), result
    lines = StagingRecord.objects.order_by("line").values_list("line", flat=True)
    assert [job.place_of(line) for line in lines] == ["a.parquet, line 2", "b.parquet, line 2"]


def test_workbooks_are_read_by_their_rows(folder: Path) -> None:
    xlsx(folder / "a.xlsx", row(2, "code", "name") + row(3, "C1", "x") + row(7, "C2", "x"))
    xlsx(folder / "b.xlsx", row(1, "name", "code") + row(2, "y", "C3") + row(9, "y", "C" * 20))

    job, result = ran("companies", str(folder / "*.xlsx"))

    assert (result.inserted, result.rejected) == (3, 1), result
    assert Company.objects.get(code="C3").name == "y"
    assert job.place_of(StagingRecord.objects.get().line) == "b.xlsx, line 9"


@pytest.mark.parametrize(
    ("sources", "message"),
    [
        (
            ["a.csv", "b.jsonl"],
            r'The file ".*b.jsonl" is jsonl, the others are csv; one job reads one format',
        ),
        (["a.csv", "a.csv"], r'The file ".*a.csv" is named twice'),
        (["a.csv", "db:default/x"], "A table cannot be read together with other sources"),
        (["*.tsv"], r'No file matches ".*\.tsv"'),
        (["/etc/host*"], r'The source "/etc/host\*" is outside the folders that imports may read'),
        (["?.csv"] * 2, "is named twice"),
    ],
)
def test_what_cannot_be_one_source_is_refused_at_once(folder: Path, sources: list[str], message: str) -> None:
    written(folder, a__csv=HEADER, b__jsonl="{}")

    with pytest.raises(SourceRefused, match=message):
        create_job("contacts", [source if ":" in source else str(folder / source) for source in sources])
    assert not DataImportJob.objects.exists()


def test_a_pattern_follows_no_link_and_has_a_limit(folder: Path, settings: Any) -> None:
    (folder / "in").mkdir()
    (folder / "out").mkdir()
    settings.IMPORTER |= {"SOURCE_ROOTS": [str(folder / "in")], "MAX_PARTS": 3}
    written(folder / "out", secret__csv=HEADER)
    (folder / "in" / "folder").symlink_to(folder / "out")
    (folder / "in" / "link.csv").symlink_to(folder / "out" / "secret.csv")

    for pattern in ("*.csv", "*/*.csv", "fold*/secret.csv"):
        with pytest.raises(SourceRefused, match="No file matches"):
            create_job("contacts", str(folder / "in" / pattern))
    with pytest.raises(SourceRefused, match="outside the folders"):
        create_job("contacts", str(folder / "in" / "folder" / "*.csv"))

    for number in range(4):
        (folder / "in" / f"{number}.csv").write_text(HEADER)
    with pytest.raises(SourceRefused, match="4 files are more than the 3 that one job may read"):
        create_job("contacts", str(folder / "in" / "*.csv"))


# Identity


def test_each_file_is_the_one_that_was_planned_on(folder: Path) -> None:
    written(folder, a__csv=HEADER + record(1), b__csv=HEADER + record(2))
    job = create_job("contacts", str(folder / "*.csv"))
    written(folder, c__csv=HEADER + record(3))  # too late: the list is fixed

    stopped = run_import(job, max_errors=0, dry_run=True)
    assert (stopped.read, stopped.inserted) == (2, 2)

    run_import(job)
    DataImportJob.objects.update(status="stopped")
    job.refresh_from_db()
    written(folder, b__csv=HEADER + record(2) + record(4))
    assert 'b.csv" changed since job' in refusal(job)

    os.unlink(folder / "b.csv")
    job.refresh_from_db()
    assert 'There is no file "' in refusal(job)
    assert Contact.objects.count() == 2


def test_files_without_records_are_noted(folder: Path) -> None:
    written(
        folder, a__csv="", b__csv=HEADER + record(1), c__csv=HEADER, d__csv=HEADER + "x,y@example.com,,,\n"
    )

    job, result = ran("contacts", str(folder / "*.csv"))

    assert (result.read, result.inserted) == (2, 1), result
    assert '2 files have no records: "a.csv", "c.csv".' in make_report(job).notes
    assert job.place_of(StagingRecord.objects.get().line) == "d.csv, line 2"


def test_only_empty_files_are_refused(folder: Path) -> None:
    written(folder, a__csv="", b__csv="")

    assert refusal(create_job("contacts", str(folder / "*.csv"))) == "All 2 files are empty."


# Archives


def test_an_archive_of_several_files_is_read_whole(folder: Path) -> None:
    members = {
        "2021/m10.csv": HEADER + record(3, "x") + record(4),
        "2021/m2.csv": HEADER + record(1) + record(2),
        "__MACOSX/2021/._m2.csv": "garbage",
        "2021/.DS_Store": "garbage",
        "2021/": "",
        "2021/README.md": "# Read me",
    }
    written(folder, exports__zip=zipped(members))

    job, result = ran("contacts", str(folder / "exports.zip"))

    assert (result.read, result.inserted, result.rejected) == (4, 3, 1), result
    assert names_of(job) == ["m2.csv", "m10.csv"]
    assert job.place_of(StagingRecord.objects.get().line) == "m10.csv, line 2"
    assert (
        'Of the archive "exports.zip" 1 file was passed over, because no format is told by the name: 2021/README.md.'
        in make_report(job).notes
    )


def test_packed_files_and_plain_ones_are_read_together(folder: Path) -> None:
    written(folder, a__csv__gz=gzip.compress((HEADER + record(1)).encode()))
    written(folder, b__csv__zip=zipped({"x.csv": HEADER + record(2), "y.csv": HEADER + record(3)}))
    written(folder, c__csv=(HEADER + record(4)).encode("utf-16"))

    job, result = ran("contacts", str(folder / "*.csv*"), workers=2, executor="process")

    assert result.inserted == 4, result
    assert names_of(job) == ["a.csv.gz", "b.csv.zip/x.csv", "b.csv.zip/y.csv", "c.csv"]


def link(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name)
    entry.external_attr = (stat.S_IFLNK | 0o777) << 16
    return entry


@pytest.mark.parametrize(
    ("second", "message"),
    [
        ("../b.csv", 'the file "../b.csv" has a path that leads out of the archive'),
        ("/etc/b.csv", 'the file "/etc/b.csv" has a path that leads out of the archive'),
        ("b\x07.csv", "has an unprintable or very long name"),
        ("b" * 300 + ".csv", "has an unprintable or very long name"),
        (link("b.csv"), 'the file "b.csv" is a symbolic link'),
        ("b.csv.zip", 'the file "b.csv.zip" is an archive itself'),
        ("a.csv", 'holds "a.csv" 2 times'),
        ("b.jsonl", 'The file "b.jsonl" is jsonl, the others are csv'),
    ],
)
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_odd_members_are_refused_in_one_line(folder: Path, second: Any, message: str) -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("a.csv", HEADER)
        archive.writestr(second, HEADER)
    written(folder, x__csv__zip=file.getvalue())

    reason = refusal(create_job("contacts", str(folder / "x.csv.zip")))

    assert message in reason
    assert "\n" not in reason


def test_the_budget_holds_for_all_members_together(folder: Path, settings: Any) -> None:
    settings.IMPORTER |= {"SPOOL_MAX_BYTES": 3_000}
    body = HEADER + "".join(record(n) for n in range(80))
    assert 1_500 < len(body) < 3_000
    written(folder, x__csv__zip=zipped({"a.csv": body, "b.csv": body, "c.csv": body}))

    assert "unpacks to more than 3,000 bytes" in refusal(create_job("contacts", str(folder / "x.csv.zip")))


def test_several_uploads_are_one_upload(folder: Path, settings: Any) -> None:
    place = {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": {"location": str(folder)}}
    settings.STORAGES = settings.STORAGES | {"default": place}
    uploads = [SimpleUploadedFile(f"{n}.csv", f"code,name\nC{n},x\n".encode()) for n in (2, 10)]

    job = create_job("companies", upload=uploads)
    result = run_import(job)

    assert result.inserted == 2, result
    assert job.source.endswith("/2-files.csv.zip")
    assert list(Company.objects.order_by("id").values_list("code", flat=True)) == ["C2", "C10"]
    assert job.log.filter(event=LogEvent.COMPLETED).exists()


# Remote files, retention, rights


@pytest.fixture
def media(folder: Path, settings: Any) -> Path:
    settings.IMPORTER |= {"REMOTE_ROOTS": ["storage:default"]}
    settings.STORAGES = settings.STORAGES | {
        "default": {
            "BACKEND": "django.core.files.storage.FileSystemStorage",
            "OPTIONS": {"location": str(folder / "media")},
        }
    }
    (folder / "media").mkdir()
    return folder / "media"


def test_files_of_a_storage_are_copied_each(folder: Path, media: Path) -> None:
    written(media, a__csv=HEADER + record(1), b__csv__gz=gzip.compress((HEADER + record(2)).encode()))
    written(folder, c__csv=HEADER + record(3) + "x,y\n")
    names = ["storage:default/b.csv.gz", "storage:default/a.csv", str(folder / "c.csv")]

    job, result = ran("contacts", names, workers=2, executor="process")

    assert (result.inserted, result.rejected) == (3, 1), result
    assert [part["source"] for part in job.parts] == names
    assert job.place_of(StagingRecord.objects.get().line).endswith("c.csv, line 3")
    assert list((folder / "spool").iterdir()) == []


def test_the_uploads_of_one_form_are_deleted_together(media: Path) -> None:
    uploads = [SimpleUploadedFile(f"{n}.csv", f"code,name\nC{n},x\n".encode()) for n in (1, 2)]
    job = create_job("companies", upload=uploads)
    run_import(job)
    DataImportJob.objects.update(**dict.fromkeys(("created_at", "started_at", "finished_at"), LONG_AGO))

    assert prune_uploads(10).deleted == 1

    assert [path for path in media.rglob("*") if path.is_file()] == []


def test_an_upload_stays_while_a_job_of_several_files_needs_it(media: Path, folder: Path) -> None:
    upload = SimpleUploadedFile("1.csv", b"code,name\nC1,x\n")
    first = create_job("companies", upload=upload)
    DataImportJob.objects.update(created_at=LONG_AGO)
    written(folder, b__csv="code,name\nC2,x\n")
    create_job("companies", [first.source, str(folder / "b.csv")])

    assert prune_uploads(10).deleted == 0


@pytest.mark.parametrize("source", ["zo\udceb.csv", "z*.csv"])
def test_a_name_that_is_not_utf_8_is_refused_in_one_line(folder: Path, source: str) -> None:
    (folder / "zo\udceb.csv").write_text(HEADER)

    with pytest.raises(CommandError, match=r"zo\\udceb.csv\" is not valid UTF-8; rename the file"):
        call_command("create_import", "contacts", str(folder / source))
