"""Repairs of rejected records without a browser: single cells, whole columns and families, and their import."""

import csv
import io
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from django.contrib.auth import get_user_model

from importer import ledger
from importer.exceptions import JobAlreadyRunning
from importer.models import DataImportJob, LogEvent, MigrationLog, StagingRecord
from importer.records import RAW
from importer.rejects import families as families_module
from importer.rejects.export import export_rejects
from importer.rejects.families import Reason, count_families, lines_of, page_of
from importer.rejects.proposals import proposals_for
from importer.rejects.reading import Reading
from importer.rejects.refused import RejectsRefused
from importer.rejects.repair import Change, Repaired, apply_rule, change_cells, take_file
from importer.rejects.replay import replay_rejects
from importer.rejects.report import make_report
from importer.rejects.rules import Rule, rewritten
from importer.rejects.workbook import write_workbook
from tests.importer.conftest import Importing
from tests.importer.samples.crm.models import Company, Contact

pytestmark = pytest.mark.django_db(transaction=True)
HEADER = "legacy_id,email,first_name,ROLE,COMP_CD,JOIN_DT,balance\n"
MESSY = HEADER + (
    '1,a@example.com,Ann,user,,02/28/2020,"1.250,00 €"\n'
    '2,b@example.com,Bob,user,,31/12/2020,"12,5"\n'
    '3,c@example.com,Cid,Chief,,,"1.000,10"\n'
    "4,d@example.com,Dee,user,,2020-05-06,7\n"
    "5,e@example.com,Eve, Admin ,,n/a,8\n"
    "6,f@example.com,Fay,user,,,9\n"
    "7,short\n"
)


@pytest.fixture
def messy(importing: Importing) -> DataImportJob:
    job: DataImportJob
    job, result = importing("contacts", MESSY)
    assert (result.inserted, result.rejected) == (1, 6)
    return job


def record_of(job: DataImportJob, line: int) -> StagingRecord:
    return StagingRecord.objects.get(job=job, line=line)


def change(job: DataImportJob, line: int, **cells: str) -> Change:
    return Change(line, record_of(job, line).updated_at, cells)


def adds_up(job: DataImportJob) -> bool:
    """Whether every record has a fate, and all that is rejected is stored."""
    return make_report(job).is_balanced


def family_of(job: DataImportJob, field: str) -> Any:
    return next(f for f in count_families(job).families if f.reason.field == field)


def test_families_have_their_numbers_values_and_first_lines(messy: DataImportJob) -> None:
    balance, joined = family_of(messy, "balance"), family_of(messy, "joined")

    assert (balance.reason, balance.rejected, balance.fixed, balance.first_line) == (
        ("balance", "invalid"),
        3,
        0,
        2,
    )
    assert balance.values == {"1.250,00 €": 1, "12,5": 1, "1.000,10": 1}
    assert joined.rejected == 3
    assert family_of(messy, "").reason.code == "too_few_fields"


def test_only_repairs_that_the_field_accepts_are_proposed(messy: DataImportJob) -> None:
    reading = Reading.of(messy)

    found = {
        field: [
            (str(p.rule), p.old, p.new, p.records) for p in proposals_for(family_of(messy, field), reading)
        ]
        for field in ("balance", "joined", "role", "")
    }

    assert found["balance"] == [("read with a decimal comma", "1.000,10", "1000.10", 3)]
    assert (
        sorted(found["joined"])
        == [
            ("read as day, month, year", "31/12/2020", "12/31/2020", 1),
            ("read as empty", "n/a", "NA", 1),
            ("read as year, day, month", "2020-05-06", "06/05/2020", 1),
            ("read as year, month, day", "2020-05-06", "05/06/2020", 1),
        ]
        or found["joined"]
    )
    assert ("replace", " Admin ", "admin", 1) in found["role"]
    assert found[""] == []


def test_a_rule_repairs_a_whole_family_and_a_replay_imports_it_once(messy: DataImportJob) -> None:
    user = get_user_model().objects.create_user("fixer@example.com")

    mended = apply_rule(messy, "balance", Rule("number", ","), reason=Reason("balance", "invalid"), by=user)

    assert mended == 3
    assert adds_up(messy)
    entry = MigrationLog.objects.get(job=messy, event=LogEvent.MENDED)
    assert (entry.details, entry.reason) == (
        {"mended": 3, "by": user.pk},
        'read with a decimal comma in the column "balance"',
    )
    assert family_of(messy, "balance").fixed == 3
    counts = replay_rejects(messy, lines=lines_of(messy, None, 100))
    assert (counts.read, counts.inserted, counts.rejected) == (3, 1, 2)  # two have other faults
    assert str(Contact.objects.get(legacy_id=1).balance) == "1250.00"
    assert adds_up(messy)
    again = replay_rejects(messy, lines=lines_of(messy, None, 100))
    assert again.read == 0
    assert Contact.objects.count() == 2
    assert adds_up(messy)


def test_a_word_is_replaced_in_the_column_whether_it_is_valid_or_not(messy: DataImportJob) -> None:
    assert apply_rule(messy, "ROLE", Rule("word", "Chief", "manager")) == 1
    assert apply_rule(messy, "ROLE", Rule("word", "Chief", "manager")) == 0
    assert apply_rule(messy, "first_name", Rule("word", "Bob", "Rob"), most=1) == 1

    assert record_of(messy, 4).raw["ROLE"] == "manager"
    assert record_of(messy, 3).raw["first_name"] == "Rob"
    assert adds_up(messy)


def test_a_rule_changes_no_value_that_is_valid_already(messy: DataImportJob) -> None:
    """02/03/2020 can be read both ways. It is not what was wrong with its record."""
    StagingRecord.objects.filter(job=messy, line=2).update(
        raw=record_of(messy, 2).raw | {"JOIN_DT": "02/03/2020"}
    )

    assert apply_rule(messy, "JOIN_DT", Rule("date", "DMY")) == 1

    assert record_of(messy, 2).raw["JOIN_DT"] == "02/03/2020"
    assert record_of(messy, 3).raw["JOIN_DT"] == "12/31/2020"


def test_cells_are_changed_and_what_is_not_changed_stays_null(messy: DataImportJob) -> None:
    before = record_of(messy, 4).raw

    done = change_cells(messy, [change(messy, 4, ROLE="user", balance="1000.10", JOIN_DT="NA")])

    assert done == Repaired(mended=[4])
    assert record_of(messy, 4).raw == before | {"ROLE": "user", "balance": "1000.10"} | (
        {} if before["JOIN_DT"] is None else {"JOIN_DT": "NA"}
    )
    assert replay_rejects(messy, lines=[4]).inserted == 1
    assert adds_up(messy)


def test_two_people_do_not_overwrite_each_other(messy: DataImportJob) -> None:
    first, second = change(messy, 3, balance="12.5"), change(messy, 3, balance="99")

    assert change_cells(messy, [first]).mended == [3]
    done = change_cells(messy, [second, change(messy, 2, balance="1250")])

    assert (done.meanwhile, done.mended) == ([3], [2])
    assert record_of(messy, 3).raw["balance"] == "12.5"
    assert adds_up(messy)


def test_an_imported_record_is_not_changed_any_more(messy: DataImportJob) -> None:
    late = change(messy, 2, balance="7")
    change_cells(messy, [change(messy, 2, balance="1250")])
    replay_rejects(messy, lines=[2])

    done = change_cells(messy, [late, Change(2, record_of(messy, 2).updated_at, {"balance": "8"})])

    assert done.meanwhile == [2, 2]
    assert (record_of(messy, 2).state, record_of(messy, 2).raw["balance"]) == ("replayed", "1250")
    assert adds_up(messy)


def test_a_record_that_was_not_split_is_given_all_its_fields(messy: DataImportJob) -> None:
    line = StagingRecord.objects.get(job=messy, raw__has_key=RAW).line
    fields = dict.fromkeys(messy.columns or [], "") | {
        "legacy_id": "7",
        "email": "g@example.com",
        "balance": "1",
    }

    assert change_cells(messy, [change(messy, line, legacy_id="7")]).unsplit == [line]
    assert change_cells(messy, [change(messy, line, **fields)]).mended == [line]

    assert replay_rejects(messy, lines=[line]).inserted == 1
    assert Contact.objects.get(legacy_id=7).email == "g@example.com"
    assert adds_up(messy)


def test_a_replay_of_some_lines_leaves_the_others(messy: DataImportJob) -> None:
    apply_rule(messy, "balance", Rule("number", ","))

    counts = replay_rejects(messy, lines=[2])

    assert (counts.read, counts.inserted) == (1, 1)
    assert sorted(StagingRecord.objects.filter(job=messy, state="fixed").values_list("line", flat=True)) == [
        3,
        4,
    ]
    assert adds_up(messy)


def test_a_replay_without_time_stops_after_a_batch(
    messy: DataImportJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importer.rejects.replay.SMALL_BATCH", 1)
    apply_rule(messy, "balance", Rule("number", ","))

    counts = replay_rejects(messy, lines=[2, 3, 4], seconds=0.000001)

    assert (counts.read, counts.stopped) == (1, True)
    assert adds_up(messy)


@pytest.mark.parametrize("cells", [{"no such": "x"}, {"balance": "1\0"}])
def test_what_is_no_column_or_no_text_is_refused(messy: DataImportJob, cells: dict[str, str]) -> None:
    with pytest.raises(RejectsRefused):
        apply_rule(messy, "no such", Rule("trim"))
    with pytest.raises(RejectsRefused):
        change_cells(messy, [change(messy, 2, **cells)])

    assert not StagingRecord.objects.filter(state="fixed").exists()


def test_nothing_changes_while_the_job_runs(
    messy: DataImportJob, monkeypatch: pytest.MonkeyPatch, django_db_blocker: Any
) -> None:
    """A replay that has read a record would mark it as imported, with the values from before."""
    import threading

    from django.db import connections

    monkeypatch.setattr("importer.rejects.repair.PATIENCE_SECONDS", 0.1)
    taken, done = threading.Event(), threading.Event()

    def run() -> None:
        ledger.hold_job(messy.pk)
        taken.set()
        done.wait(20)
        connections.close_all()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        assert taken.wait(20)
        with pytest.raises(JobAlreadyRunning):
            change_cells(messy, [change(messy, 2, balance="1")])
    finally:
        done.set()
        thread.join()
    assert record_of(messy, 2).state == "rejected"


def test_pages_follow_each_other_and_find_what_lies_far_apart(
    messy: DataImportJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(families_module, "PAGE", 2)
    first = page_of(messy, None, -1)
    second = page_of(messy, None, first.after or 0)
    assert [r.line for r in (*first.records, *second.records)] == [2, 3, 4, 5]
    assert second.after == 5

    monkeypatch.setattr(families_module, "NEAR", 1)
    monkeypatch.setattr(families_module, "SEARCHED", 3)
    role = Reason("role", "invalid_choice")
    nearest = page_of(messy, role, -1)

    assert ([r.line for r in nearest.records], nearest.after) == ([4], 4)
    assert [r.line for r in page_of(messy, role, 4).records] == [6]


def test_families_say_when_they_are_not_counted_to_the_end(
    messy: DataImportJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(families_module, "LOOKED_AT", 2)

    assert not count_families(messy).is_whole
    whole = count_families(messy, all_of_them=True)

    assert whole.is_whole
    assert {f.reason.field: f.rejected for f in whole.families}["joined"] == 3


@pytest.mark.parametrize(
    "given",
    [("eval", "", ""), ("number", "x", ""), ("date", "__import__", ""), ("word", "a\0", "b"), ("", "", "")],
)
def test_a_rule_is_one_of_a_closed_set(given: tuple[str, str, str]) -> None:
    with pytest.raises(ValueError, match="rule|NUL"):
        Rule(*given)


@pytest.mark.parametrize(
    ("rule", "text", "expected"),
    [
        (Rule("number", ","), "1.250,00", "1250.00"),
        (Rule("number", ","), "-1 250,5 EUR", "-1250.5"),
        (Rule("number", ","), "12.34", None),
        (Rule("number", "."), "$1,250.00", "1250.00"),
        (Rule("number", "."), "12,34", None),
        (Rule("number", ","), "50 %", None),
        (Rule("number", ","), "1" * 400, "1" * 400),
        (Rule("trim"), " x ", "x"),
        (Rule("trim"), "x", None),
        (Rule("word", "Gold", "pro"), "Gold", "pro"),
        (Rule("word", "Gold", "pro"), "Golden", None),
        (Rule("null"), " N/A ", ""),
        (Rule("null"), "Nadia", None),
    ],
)
def test_texts_are_rewritten(rule: Rule, text: str, expected: str | None, messy: DataImportJob) -> None:
    plan = Reading.of(messy).plans["balance"]

    assert rewritten(rule, text, plan, "") == expected


@pytest.mark.parametrize(
    ("order", "text", "expected"),
    [
        ("DMY", "31.12.2020", "12/31/2020"),
        ("MDY", "12-31-20", "12/31/2020"),
        ("YMD", "2020-12-31", "12/31/2020"),
        ("", "31 Dec 2020", "12/31/2020"),
        ("DMY", "12/31/2020", None),
        ("DMY", "31.12.2020 25:00", None),
        ("DMY", "0.0.0000", None),
    ],
)
def test_dates_are_written_as_the_column_has_them(
    order: str, text: str, expected: str | None, messy: DataImportJob
) -> None:
    plan = Reading.of(messy).plans["joined"]

    assert rewritten(Rule("date", order), text, plan, "") == expected


def exported(job: DataImportJob) -> list[dict[str, str]]:
    buffer = io.StringIO()
    export_rejects(job, buffer, versions=True)
    return list(csv.DictReader(io.StringIO(buffer.getvalue())))


def test_a_file_does_not_undo_what_somebody_has_changed_since(messy: DataImportJob, folder: Path) -> None:
    rows = exported(messy)
    change_cells(messy, [change(messy, 2, balance="1250")])
    rows[1]["balance"] = "12.5"
    path = folder / "fixed.csv"
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)

    with pytest.raises(RejectsRefused, match="line 2, which was changed since"):
        take_file(messy, path)

    assert record_of(messy, 3).state == "rejected"  # all or nothing
    assert record_of(messy, 2).raw["balance"] == "1250"
    taken = take_file(messy, path, overwrite=True)
    assert (taken.mended, record_of(messy, 2).raw["balance"]) == (5, "1.250,00 €")
    assert adds_up(messy)


def workbook_of(job: DataImportJob, path: Path) -> Any:
    with path.open("wb") as file:
        write_workbook(job, file, most=100)
    return openpyxl.load_workbook(path)


def test_a_workbook_has_the_reasons_as_comments_and_comes_back(messy: DataImportJob, folder: Path) -> None:
    Company.objects.create(code="C1", name="One")
    path = folder / "rejected.xlsx"
    book = workbook_of(messy, path)
    sheet = book["Rejected"]
    names = [cell.value for cell in sheet[1]]
    balance = names.index("balance") + 1

    assert names[:3] == ["_line", "_reasons", "_changed_at"]
    assert "must be a decimal number" in sheet.cell(2, balance).comment.text
    assert (sheet.freeze_panes, sheet.cell(2, balance).number_format) == ("B2", "@")
    sheet.cell(2, balance).value = "1250"
    sheet.cell(3, balance).value = 12.5
    sheet.cell(3, names.index("JOIN_DT") + 1).value = None
    book.save(path)
    taken = take_file(messy, path)
    counts = replay_rejects(messy, lines=lines_of(messy, None, 100))
    assert (taken.mended, taken.left) == (5, 1)
    assert counts.inserted == 2
    assert str(Contact.objects.get(legacy_id=2).balance) == "12.50"
    assert adds_up(messy)


HOSTILE = (
    "=1+1",
    "+cmd|' /C calc'!A0",
    "-2",
    "@SUM(A1)",
    "\tx",
    "'=x",
    "_x0041_",
    "a\rb",
    "{=1}",
    "http://x.example",
)


def test_no_cell_of_a_workbook_is_a_formula_and_all_come_back_unchanged(
    importing: Importing, folder: Path
) -> None:
    texts = "".join(f'C{number},"{text}{"x" * 100}"\n' for number, text in enumerate(HOSTILE))
    job, result = importing("companies", f"code,name\n{texts}")
    assert result.rejected == len(HOSTILE)
    before = list(StagingRecord.objects.order_by("line").values_list("raw", flat=True))
    path = folder / "rejected.xlsx"

    book = workbook_of(job, path)

    assert {cell.data_type for row in book["Rejected"] for cell in row if cell.value is not None} == {"s"}
    shown = [row[4].value for row in list(book["Rejected"].rows)[1:]]
    assert all(not text.startswith(("=", "+", "-", "@", "\t")) for text in shown)
    assert take_file(job, path).mended == len(HOSTILE)
    assert list(StagingRecord.objects.order_by("line").values_list("raw", flat=True)) == before


def test_what_no_cell_can_hold_is_left_out_and_not_lost(importing: Importing, folder: Path) -> None:
    job, _ = importing("companies", f"code,name\nA,{'x' * 40_000}\nB,{'y' * 200}\n")
    path = folder / "rejected.xlsx"

    with path.open("wb") as file:
        written = write_workbook(job, file, most=100)

    assert (written.records, written.left_out) == (1, 1)
    assert take_file(job, path).mended == 1
    assert len(record_of(job, 2).raw["name"]) == 40_000


def test_a_bomb_that_comes_back_is_refused(messy: DataImportJob, folder: Path, settings: Any) -> None:
    import zipfile

    path = folder / "rejected.xlsx"
    workbook_of(messy, path)
    bomb = folder / "bomb.xlsx"
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            data = old.read(name)
            if name.endswith("sheet1.xml"):
                data = data.replace(b"</sheetData>", b"<row/>" * 5_000_000 + b"</sheetData>")
            new.writestr(name, data)
    settings.IMPORTER |= {"SPOOL_MAX_BYTES": 5_000_000}

    with pytest.raises(RejectsRefused, match="unpacks to more than"):
        take_file(messy, bomb)

    assert not StagingRecord.objects.filter(state="fixed").exists()
