"""Files that other programs write, by the options of `create_import` and by `Meta.dialect`."""

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from importer import Dialect, ModelImport, run_import
from importer.exceptions import SourceRefused
from importer.jobs import create_job
from importer.models import DataImportJob
from importer.rejects.report import make_report
from importer.specs.registry import temporarily
from tests.importer.samples.crm.models import Company, Everything

pytestmark = pytest.mark.django_db(transaction=True)

TEXTS = [
    "plain", "", None, 'say "hi"', "it's", "a,b", "a|b", "tab\there", "new\nline", "back\\slash", "\\N", "\\n", "Zoë",
    "carriage\rreturn", "both\r\nends", " blanks ", "#no comment", '"', "\\", "trailing\\", "\b\f\v",
]  # fmt: skip
FILL = "INSERT INTO texts VALUES ({}, {})"


def read(source: Path, **options: Any) -> list[str | None]:
    job = create_job("everything", str(source), **options)
    result = run_import(job, workers=1)
    assert (result.status, result.rejected) == ("completed", 0), (result, make_report(job).families)
    return list(Everything.objects.order_by("integer").values_list("text", flat=True))


def without_nulls(texts: list[str | None]) -> list[str]:
    return [text or "" for text in texts]


# PostgreSQL


@pytest.fixture
def copied(folder: Path) -> Any:
    """A table of texts, written by COPY with these options."""
    with connection.cursor() as cursor:
        cursor.execute('CREATE TEMPORARY TABLE texts ("integer" integer, "char" text, "text" text)')
        cursor.executemany("INSERT INTO texts VALUES (%s, 'x', %s)", list(enumerate(TEXTS)))

    def copy(options: str) -> Path:
        path = folder / "copied.csv"
        with connection.cursor() as cursor:
            driver: Any = cursor.cursor
            with driver.copy(f"COPY texts TO STDOUT ({options})") as source, path.open("wb") as target:
                for data in source:
                    target.write(data)
        return path

    yield copy
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE texts")


@pytest.mark.parametrize("delimiter", ["\t", "|", ","])
@pytest.mark.parametrize("chunk", [60, 8 << 20])
def test_copy_in_text_format(copied: Any, settings: Any, delimiter: str, chunk: int) -> None:
    settings.IMPORTER |= {"CHUNK_BYTES": chunk}
    path = copied(f"FORMAT text, HEADER true, DELIMITER '{delimiter}'")

    texts = read(path, delimiter=delimiter, dialect={"quote": None, "escape": "\\"})

    assert texts == without_nulls(TEXTS)


@pytest.mark.parametrize(
    ("options", "dialect"),
    [
        ("", {}), ("FORCE_QUOTE *", {}), ("QUOTE '~'", {"quote": "~"}),
        ("FORCE_QUOTE *, ESCAPE '\\'", {"escape": "\\"}),
        ("DELIMITER ';', QUOTE '''', FORCE_QUOTE *", {"quote": "'"}),
    ],
)  # fmt: skip
def test_copy_in_csv_format(copied: Any, options: str, dialect: dict[str, Any]) -> None:
    path = copied(", ".join(filter(None, ["FORMAT csv, HEADER true", options])))

    texts = read(path, delimiter=";" if ";" in options else "", dialect=dialect)

    assert texts == without_nulls(TEXTS)


# SQLite's shell


@pytest.mark.skipif(shutil.which("sqlite3") is None, reason="the shell of SQLite is not installed")
@pytest.mark.parametrize(
    ("mode", "options"),
    [
        (".mode csv", {}), (".mode tabs", {"delimiter": "tab"}),
        (".mode ascii", {"delimiter": "\\x1f", "dialect": {"quote": None}}),
        (".mode list", {"delimiter": "|", "dialect": {"quote": None}}),
        ('.mode list\n.separator "<>" "\\n"', {"delimiter": "<>", "dialect": {"quote": None}}),
        ('.mode csv\n.separator ";" "\\r\\n"', {"delimiter": ";"}),
    ],
)  # fmt: skip
def test_modes_of_sqlites_shell(folder: Path, mode: str, options: dict[str, Any]) -> None:
    # All but `csv` have no way to write a delimiter or a newline; `tabs` quotes in some versions and not in others.
    plain = [text for text in TEXTS if text is None or not (set(text) & set("\t\n\r|\"'\\\b\f\v"))]
    texts = plain if "csv" not in mode else [text for text in TEXTS if text != "\b\f\v"]
    statements = "".join(
        f"INSERT INTO texts VALUES ({number}, 'x', {_quoted(text)});" for number, text in enumerate(texts)
    )
    script = (
        f"CREATE TABLE texts (integer, char, text);{statements}\n{mode}\n.headers on\nSELECT * FROM texts;\n"
    )
    answer = subprocess.run(["sqlite3"], input=script.encode(), capture_output=True, check=True)
    path = folder / "sqlite.csv"
    path.write_bytes(answer.stdout)

    assert read(path, **options) == without_nulls(texts)


def _quoted(text: str | None) -> str:
    if text is None:
        return "NULL"
    return f"CAST(X'{text.encode().hex()}' AS TEXT)"


# MariaDB


@pytest.mark.skipif(shutil.which("mariadbd") is None, reason="MariaDB is not installed")
@pytest.mark.parametrize(
    ("options", "delimiter", "dialect"),
    [
        ("", "tab", {"quote": None, "escape": "\\"}),
        ("FIELDS TERMINATED BY ',' OPTIONALLY ENCLOSED BY '\"'", "", {"escape": "\\"}),
        ("FIELDS TERMINATED BY ';' ENCLOSED BY '\\''", ";", {"quote": "'", "escape": "\\"}),
        ("FIELDS TERMINATED BY '||'", "||", {"quote": None, "escape": "\\"}),
        ("FIELDS TERMINATED BY '<->' ENCLOSED BY '\"'", "<->", {"escape": "\\"}),
        ("FIELDS TERMINATED BY ',' ENCLOSED BY '\"' ESCAPED BY '^'", "", {"escape": "^"}),
        ("FIELDS ENCLOSED BY '\"' LINES TERMINATED BY '\\r\\n'", "tab", {"escape": "\\"}),
    ],
)  # fmt: skip
@pytest.mark.parametrize("chunk", [80, 8 << 20])
def test_outfiles_of_mariadb(
    folder: Path, settings: Any, options: str, delimiter: str, dialect: dict[str, Any], chunk: int
) -> None:
    settings.IMPORTER |= {"CHUNK_BYTES": chunk}
    # Another escape than the backslash writes null as ^N, which is the text "N" to us.
    texts = [text for text in TEXTS if text is not None or dialect["escape"] == "\\"]

    path = outfile(folder, texts, options)

    names = {"header": False, "columns": ["integer", "char", "text"]}
    assert read(path, delimiter=delimiter, dialect=dialect | names) == without_nulls(texts)


def outfile(folder: Path, texts: list[str | None], options: str) -> Path:
    """Write the texts with INTO OUTFILE, by a server that reads statements from its standard input."""
    path, data = folder / "outfile.csv", folder / "mariadb"
    data.mkdir()
    rows = ", ".join(f"({number}, 'x', {_utf8(text)})" for number, text in enumerate(texts))
    script = [
        "CREATE DATABASE legacy;", "USE legacy;",
        "CREATE TABLE texts (number int, mark varchar(5), body varchar(50)) CHARACTER SET utf8mb4;",
        f"INSERT INTO texts VALUES {rows};",
        f"SELECT * FROM texts ORDER BY number INTO OUTFILE '{path}' CHARACTER SET utf8mb4 {options};",
    ]  # fmt: skip
    command = [
        "mariadbd",
        "--no-defaults",
        "--bootstrap",
        f"--datadir={data}",
        f"--tmpdir={data}",
        "--skip-innodb",
        "--user=root",
    ]
    command.append("--default-storage-engine=Aria")
    subprocess.run(command, input="\n".join(script).encode(), capture_output=True, check=True, timeout=60)
    return path


def _utf8(text: str | None) -> str:
    return "NULL" if text is None else f"CONVERT(X'{text.encode().hex()}' USING utf8mb4)"


# The options, and the spec's dialect


def create(*arguments: str) -> DataImportJob:
    from io import StringIO

    output = StringIO()
    call_command("create_import", *arguments, stdout=output)
    return DataImportJob.objects.get(pk=int(output.getvalue()))


def companies() -> list[tuple[str, str]]:
    return list(Company.objects.order_by("pk").values_list("code", "name"))


def test_every_option_of_create_import(folder: Path) -> None:
    path = folder / "export.txt"
    path.write_text("Companies\n\n# A:: 'Ann''s'::\nA:: 'Ann::s'::\n# B\nB:: 'B\\'ob'::\n2 records\n")

    job = create(
        "companies", str(path), "--delimiter", "::", "--quote", "'", "--escape", "\\", "--comment", "#",
        "--skip-lines", "2", "--footer-lines", "1", "--no-header", "--columns", "code, name",
        "--trailing-delimiter", "--blank-after-delimiter",
    )  # fmt: skip
    result = run_import(job)

    assert (result.status, result.inserted, result.rejected) == ("completed", 2, 0), result
    assert companies() == [("A", "Ann::s"), ("B", "B'ob")]


def test_the_specs_dialect_counts_and_options_win_over_it(folder: Path) -> None:
    class Piped(ModelImport):
        class Meta:
            model = Company
            name = "piped"
            dialect = Dialect(delimiter="|", quote=None, comment="#", skip_lines=1)

    path = folder / "piped.csv"
    path.write_text('title\ncode|name\n# no\nA|"Ann"\n')
    with temporarily(Piped):
        run_import(create("piped", str(path)))
        run_import(create("piped", str(path), "--quote", '"', "--comment", "A"))

    assert companies() == [("A", '"Ann"')]


def test_what_a_job_was_planned_with_is_kept(folder: Path) -> None:
    class Piped(ModelImport):
        class Meta:
            model = Company
            name = "piped"
            dialect = Dialect(delimiter="|")

    class Changed(Piped):
        class Meta(Piped.Meta):
            dialect = Dialect(delimiter=";")

    path = folder / "piped.csv"
    path.write_text("code|name\n" + "".join(f"A{number}|Ann\n" for number in range(1_000)))
    with temporarily(Piped):
        job = create("piped", str(path))
        stopped = run_import(job, max_errors=0, on_progress=lambda _: job.refresh_from_db())
    job.refresh_from_db()

    assert stopped.inserted == 1_000
    assert job.dialect["delimiter"] == "|"
    with temporarily(Changed):
        from importer.parse.open import dialect_of

        assert dialect_of(job).delimiter == "|"


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["--no-header"], "needs the names of its columns"), (["--columns", "a,b"], "named by the header"),
        (["--quote", "ab"], 'Invalid quote "ab"'), (["--skip-lines", "-1"], 'Invalid skip_lines "-1"'),
        (["--delimiter", '"'], "Invalid delimiter"), (["--comment", ""], "Invalid comment"),
    ],
)  # fmt: skip
def test_wrong_options_are_refused_in_one_line(folder: Path, options: list[str], reason: str) -> None:
    (folder / "a.csv").write_text("code,name\nA,Ann\n")

    with pytest.raises(CommandError, match=reason) as refusal:
        create("companies", str(folder / "a.csv"), *options)

    assert refusal.value.returncode == 2
    assert not DataImportJob.objects.exists()


# Files that quote nothing


def test_a_file_that_looks_unquoted_is_noted(folder: Path) -> None:
    path = folder / "unquoted.tsv"
    path.write_text("code\tname\n" + "".join(f'A{number}\t"Best" of {number}\n' for number in range(50)))
    job = create("companies", str(path))
    run_import(job)

    assert [note for note in make_report(job).notes if "--quote none" in note]

    other = create("companies", str(path), "--quote", "none")
    assert run_import(other).inserted + job.inserted >= 50
    assert not [note for note in make_report(other).notes if "--quote none" in note]


@pytest.mark.parametrize(
    "text",
    [
        'code,name\nA,"Ann\nof\nmany"\n' + "B,Bob\n" * 50,
        'code,name\n"A","Ann"\n"B","B,ob"\n',
        'code,name\nA,5" disk\nB,6" disk\n',
    ],
)
def test_a_file_that_quotes_is_not_suspected(folder: Path, text: str) -> None:
    (folder / "a.csv").write_text(text)
    job = create("companies", str(folder / "a.csv"))
    run_import(job)

    assert not [note for note in make_report(job).notes if "--quote none" in note]


def test_create_job_refuses_what_contradicts_the_spec(folder: Path) -> None:
    (folder / "a.csv").write_text("code,name\n")

    with pytest.raises(SourceRefused, match="Invalid comment"):
        create_job("companies", str(folder / "a.csv"), delimiter="#", dialect={"comment": "#"})
