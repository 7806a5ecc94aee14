"""The package in a foreign site: installed from its wheel, run by commands, on 409,254 records."""

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.importer.samples.foreign_site.installation import Site, foreign_site
from tests.importer.samples.foreign_site.records import (
    BACK_TO_THE_SOURCE,
    FILES,
    FIRST_LINE,
    SUMMED,
    Record,
    as_stored,
    decimal,
    expected,
    innings,
    reasons_of_allstars,
    season,
    source_bytes,
    source_records,
    write_source,
)

# One group, so that a parallel run installs the site once.
pytestmark = [pytest.mark.timeout(300), pytest.mark.xdist_group("foreign_site")]

# In the order in which parents come before children; the number of workers that import them from CSV.
WORKERS = {
    "schools": 1,
    "teams": 1,
    "players": 1,
    "batting": 2,
    "fielding": 2,
    "appearances": 1,
    "college": 2,
    "allstars": 2,
}
TABLES = {
    "schools": "league_school",
    "teams": "league_team",
    "players": "league_player",
    "batting": "league_batting",
    "fielding": "league_fielding",
    "appearances": "league_appearance",
    "college": "league_collegeseason",
    "allstars": "league_allstarselection",
}
# The default suite reads these from other formats; `pytest -m long` all the others.
LIGHT = {
    ("csv.gz", "teams"),
    ("parquet", "teams"),
    ("jsonl", "allstars"),
}
# So small that even the smallest file is shared by two workers.
SMALL_CHUNKS = {"CHUNK_BYTES": "20000"}

Job = tuple[int, dict[str, Any]]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with foreign_site(tmp_path_factory.mktemp("foreign")) as site:
        yield site


@pytest.fixture(scope="module")
def jobs(site: Site) -> dict[str, Job]:
    """The jobs of all eight tables from CSV, with the output of `run_import --json`."""
    return {name: _import(site, name, "csv", workers=workers) for name, workers in WORKERS.items()}


@pytest.fixture
def imported(site: Site, jobs: dict[str, Job]) -> Iterator[Site]:
    """The site with all records imported, which a test may change."""
    with site.another_database("ballpark_copy") as copy:
        yield copy


def test_the_package_comes_from_its_wheel_with_no_more_than_that_asks_for(site: Site) -> None:
    strangers = ["cortex", "tests", "environ", "hypothesis"]

    where, *found = site.manage(
        "shell",
        "--verbosity=0",
        "--command",
        "import importer, importlib.util; print(importer.__file__); "
        f"[print(name) for name in {strangers} if importlib.util.find_spec(name)]",
    ).splitlines()

    assert Path(where).is_relative_to(site.python.parent.parent)
    assert found == []


def test_the_site_passes_its_checks_and_lacks_no_migration(site: Site) -> None:
    assert "no issues" in site.manage("check")
    assert "No changes" in site.manage("makemigrations", "--check", "--dry-run", "importer")


def test_there_are_over_400_000_records() -> None:
    assert sum(expected(name).read for name in FILES) == 409_254


@pytest.mark.parametrize("name", WORKERS)
def test_csv(site: Site, jobs: dict[str, Job], name: str) -> None:
    _assert_imported(site, name, jobs[name], "csv")


@pytest.mark.parametrize(
    ("format_", "name"),
    [
        pytest.param(format_, name, marks=[] if (format_, name) in LIGHT else [pytest.mark.long])
        for format_ in ("csv.gz", "parquet", "jsonl")
        for name in WORKERS
    ],
)
def test_other_formats(imported: Site, format_: str, name: str) -> None:
    imported.sql(f"TRUNCATE {TABLES[name]} CASCADE")

    job = _import(imported, name, format_, workers=2)

    _assert_imported(imported, name, job, format_)


def test_every_kind_of_rejection_is_among_the_real_records() -> None:
    reasons = {name: {reason[1:] for reason in expected(name).refusals} for name in FILES}

    assert reasons == {
        "schools": set(),
        "teams": set(),
        "players": {("throws", "invalid_choice"), ("weight", "min_value"), ("height", "min_value")},
        "batting": {("player", "does_not_exist")},
        "fielding": {("player", "does_not_exist"), ("errors", "null")},
        "appearances": {("player", "does_not_exist")},
        "college": {("school", "does_not_exist")},
        "allstars": {
            ("team", "does_not_exist"),
            ("year", "null"),
            ("game_number", "null"),
            ("", "unique_together"),
        },
    }


def test_dates_decimals_choices_and_null_tokens_are_what_the_source_says(
    site: Site, jobs: dict[str, Job]
) -> None:
    players, teams = expected("players").kept, expected("teams").kept
    fielders = [record for record in expected("fielding").kept if record["InnOuts"]]
    hundredths = sum(_digits(innings(record["InnOuts"])) for record in fielders)

    assert site.sql("SELECT count(debut), min(debut)::text, max(last_game)::text FROM league_player") == [
        (
            sum(bool(record["debut"]) for record in players),
            min(record["debut"] for record in players if record["debut"]),
            max(record["finalGame"] for record in players),
        )
    ]
    assert site.sql(
        "SELECT (sum(earned_run_average) * 100)::int, (sum(fielding_average) * 1000)::int FROM league_team"
    ) == [
        (
            sum(_digits(decimal(record["ERA"], places=2)) for record in teams),
            sum(_digits(decimal(record["FP"], places=3)) for record in teams),
        )
    ]
    assert site.sql("SELECT (sum(innings) * 100)::bigint, count(innings) FROM league_fielding") == [
        (hundredths, len(fielders))
    ]
    assert dict(site.sql("SELECT bats, count(*) FROM league_player GROUP BY 1")) == {
        hand: sum(record["bats"] == hand for record in players) for hand in ("", "B", "L", "R")
    }
    assert site.sql(
        "SELECT count(*) FILTER (WHERE league = 'NA'), count(won_world_series) FROM league_team"
    ) == [(sum(record["lgID"] == "NA" for record in teams), sum(bool(record["WSWin"]) for record in teams))]
    assert site.sql("SELECT count(*) FROM league_player WHERE birth_country IS NULL") == [
        (sum(record["birthCountry"] in ("", "At Sea") for record in players),)
    ]


@pytest.mark.parametrize(
    ("name", "workers"),
    [
        ("teams", 1),
        pytest.param("appearances", 2, marks=pytest.mark.long),
        pytest.param("players", 2, marks=pytest.mark.long),
        pytest.param("batting", 1, marks=pytest.mark.long),
    ],
)
def test_a_fresh_job_on_the_same_file_changes_nothing(imported: Site, name: str, workers: int) -> None:
    outcome = expected(name)

    _, result = _import(imported, name, "csv", workers=workers)

    assert _fates(result) == _fates(
        {"read": outcome.read, "unchanged": len(outcome.kept), "rejected": outcome.rejected}
    )
    assert _difference(imported, name) == []


@pytest.mark.long
def test_a_changed_value_is_an_update_and_a_new_key_an_insert(imported: Site) -> None:
    outcome = expected("batting")
    imported.sql("UPDATE league_batting SET home_runs = home_runs + 1 WHERE year = 1927")
    imported.sql("DELETE FROM league_batting WHERE year = 1998")
    changed = sum(record["yearID"] == "1927" for record in outcome.kept)
    gone = sum(record["yearID"] == "1998" for record in outcome.kept)

    _, result = _import(imported, "batting", "csv", workers=2)

    assert _fates(result) == _fates(
        {
            "read": outcome.read,
            "inserted": gone,
            "updated": changed,
            "unchanged": len(outcome.kept) - gone - changed,
            "rejected": outcome.rejected,
        }
    )
    assert _difference(imported, "batting") == []


def test_duplicates_within_the_source_are_told_apart_alike_by_two_workers(imported: Site) -> None:
    imported.sql("TRUNCATE league_allstarselection")

    job = _import(imported, "allstars", "csv", workers=2, **SMALL_CHUNKS)

    _assert_imported(imported, "allstars", job, "csv")


def test_a_dry_run_counts_exactly_and_leaves_nothing(imported: Site) -> None:
    imported.sql("TRUNCATE league_allstarselection")
    reasons = reasons_of_allstars(team_is_required=False)
    rejected = sum(bool(list(reasons(record))) for record in source_records("allstars"))
    read = expected("allstars").read
    job = imported.create_import(
        "allstars-without-team", write_source("allstars", "csv", imported.folder / "records")
    )

    rehearsed = imported.run_import(job, "--dry-run")

    assert _fates(rehearsed) == _fates({"read": read, "inserted": read - rejected, "rejected": rejected})
    assert imported.sql("SELECT count(*) FROM league_allstarselection") == [(0,)]
    assert _fates(imported.run_import(job)) == _fates(rehearsed)
    assert imported.sql("SELECT count(*) FROM league_allstarselection WHERE team_id IS NULL") == [
        (len(_without_team_but_sound()),)
    ]


def test_records_without_parents_pass_once_the_parents_are_there(
    imported: Site, jobs: dict[str, Job]
) -> None:
    job, before = jobs["college"]
    outcome = expected("college")
    missing = sorted({record["schoolID"] for record in _rejected("college")})
    _import_schools(imported, missing)

    answer = imported.shell.output_of("replay_rejects", str(job))

    assert f"{outcome.rejected:,} records replayed = {outcome.rejected:,} inserted" in answer
    assert _difference(imported, "college", also=_rejected("college")) == []
    report = imported.report(job)
    assert _fates(report) == _fates({"read": outcome.read, "inserted": outcome.read})
    assert (report["balanced"], report["replayed"], report["families"]) == (True, outcome.rejected, [])
    assert _fates(imported.run_import(job)) == _fates(report) != _fates(before)


@pytest.mark.long
def test_a_fixed_player_brings_his_games_along(imported: Site, jobs: dict[str, Job]) -> None:
    rejected = {record["playerID"]: record for record in _rejected("players")}
    fixed = _export(imported, jobs["players"][0])
    for row in fixed:
        row["throws"] = row["throws"].replace("S", "R")
        if row["height"] == "43":
            row["height"] = row["weight"] = ""
    source = _write_csv(imported, "fixed-players.csv", fixed)

    answer = imported.shell.output_of("replay_rejects", str(jobs["players"][0]), str(source))

    assert f"{len(rejected):,} records replayed = {len(rejected):,} inserted" in answer
    assert imported.sql(
        "SELECT code, throws, height FROM league_player WHERE code = ANY(%s) ORDER BY code", sorted(rejected)
    ) == [("gaedeed01", "L", None), ("vendipa01", "R", 72)]
    for name in ("batting", "fielding", "appearances"):
        theirs = [record for record in _rejected(name) if record["playerID"] in rejected]
        again = expected(name).rejected - len(theirs)
        answer = imported.shell.output_of("replay_rejects", str(jobs[name][0]))
        assert f"{len(theirs):,} inserted" in answer
        assert f"{again:,} rejected again" in answer
        assert _difference(imported, name, also=theirs) == []


def test_a_fixed_file_imports_its_records_and_leaves_the_rest_rejected(
    imported: Site, jobs: dict[str, Job]
) -> None:
    """The all-star file uses another archive's names of teams; the table of teams has both names."""
    job = jobs["allstars"][0]
    codes = {(r["yearID"], r["lgID"], r["teamIDretro"]): r["teamID"] for r in source_records("teams")}
    exported = _export(imported, job)
    fixable = [row for row in exported if season(row) in codes and "team (column" in row["_reasons"]]
    for row in fixable:
        row["teamID"] = codes[season(row)]
    sound, twice = _first_of_each_game(fixable)
    source = _write_csv(imported, "fixed-allstars.csv", fixable)

    answer = imported.shell.output_of("replay_rejects", str(job), str(source))

    assert f"{len(fixable):,} records replayed = {len(sound):,} inserted" in answer
    assert f"{len(twice):,} rejected again" in answer
    assert _difference(imported, "allstars", also=sound) == []
    outcome, report = expected("allstars"), imported.report(job)
    inserted = len(outcome.kept) + len(sound)
    assert _fates(report) == _fates(
        {"read": outcome.read, "inserted": inserted, "rejected": outcome.read - inserted}
    )
    assert {row["_line"] for row in _export(imported, job)} == {row["_line"] for row in exported} - {
        row["_line"] for row in sound
    }


# Steps on a site


def _import(site: Site, name: str, format_: str, *, workers: int, **environment: str) -> Job:
    job = site.create_import(name, write_source(name, format_, site.folder / "records"))
    return job, site.run_import(job, "--workers", str(workers), **environment)


def _import_schools(site: Site, codes: list[str]) -> None:
    rows = [
        {"schoolID": code, "name_full": f"School {code}", "city": "?", "state": "??", "country": "USA"}
        for code in codes
    ]
    job = site.create_import("schools", _write_csv(site, "missing-schools.csv", rows))
    assert site.run_import(job)["inserted"] == len(codes)


def _export(site: Site, job: int) -> list[Record]:
    path = site.folder / "records" / f"rejects-{job}.csv"
    site.shell.output_of("export_rejects", str(job), "--output", str(path))
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def _write_csv(site: Site, name: str, rows: list[Record]) -> Path:
    path = site.folder / "records" / name
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=rows[0])
        writer.writeheader()
        writer.writerows(rows)
    return path


# Expected results


def _assert_imported(site: Site, name: str, job: Job, format_: str) -> None:
    number, result = job
    outcome = expected(name)
    counts = _fates({"read": outcome.read, "inserted": len(outcome.kept), "rejected": outcome.rejected})
    report = site.report(number)

    assert (result["status"], _fates(result)) == ("completed", counts)
    assert (report["balanced"], _fates(report)) == (True, counts)
    assert _families(report) == _expected_families(name)
    assert _refusals(site, number, FIRST_LINE[format_]) == outcome.refusals
    assert _sums(site, name) == [outcome.total(column) for column in SUMMED.get(name, {}).values()]
    assert _difference(site, name) == []


def _fates(counts: dict[str, Any]) -> dict[str, int]:
    fates = {
        name: counts.get(name, 0) for name in ("inserted", "updated", "unchanged", "skipped", "rejected")
    }
    assert counts["read"] == sum(fates.values())
    return {"read": counts["read"]} | fates


def _refusals(site: Site, job: int, first_line: int) -> set[tuple[int, str, str]]:
    """Return every reason of every rejected record, by the record's number from 0."""
    return set(
        site.sql(
            "SELECT line - %s, error->>'field', error->>'code' "
            "FROM staging_records, jsonb_array_elements(errors) AS error WHERE job_id = %s",
            first_line,
            job,
        )
    )


def _families(report: dict[str, Any]) -> dict[tuple[str, str], int]:
    return {(family["field"], family["code"]): family["records"] for family in report["families"]}


def _expected_families(name: str) -> dict[tuple[str, str], int]:
    families: dict[tuple[str, str], int] = {}
    for _, field, code in expected(name).refusals:
        families[field, code] = families.get((field, code), 0) + 1
    return families


def _sums(site: Site, name: str) -> list[int]:
    if name not in SUMMED:
        return []
    columns = ", ".join(f"sum({column})::bigint" for column in SUMMED[name])
    return list(site.sql(f"SELECT {columns} FROM {TABLES[name]}")[0])


def _difference(
    site: Site, name: str, *, also: list[Record] | None = None
) -> list[tuple[str, tuple[str, ...]]]:
    """Return the first rows that the table lacks or has in excess, as the source writes them."""
    wanted = sorted(as_stored(name, record) for record in [*expected(name).kept, *(also or [])])
    there = sorted(
        tuple(row) for row in csv.reader(io.StringIO(site.copy_out(BACK_TO_THE_SOURCE[name]), newline=""))
    )
    if there == wanted:
        return []
    lacking, surplus = sorted(set(wanted) - set(there)), sorted(set(there) - set(wanted))
    twice = [] if lacking or surplus else there
    return [
        *(("lacking", r) for r in lacking[:3]),
        *(("surplus", r) for r in surplus[:3]),
        *(("twice", r) for r in twice),
    ]


def _rejected(name: str) -> list[Record]:
    records = source_records(name)
    return [records[number] for number in sorted({number for number, _, _ in expected(name).refusals})]


def _without_team_but_sound() -> list[Record]:
    reasons = reasons_of_allstars(team_is_required=False)
    seasons = {season(record) for record in source_records("teams")}
    return [r for r in source_records("allstars") if not list(reasons(r)) and season(r) not in seasons]


def _first_of_each_game(rows: list[Record]) -> tuple[list[Record], list[Record]]:
    """Divide records into the first of their player in a game (rows of the table count), and the others."""
    selected = {(record["playerID"], record["gameID"]) for record in expected("allstars").kept}
    first: list[Record] = []
    again: list[Record] = []
    for row in rows:
        selection = row["playerID"], row["gameID"]
        (again if selection in selected else first).append(row)
        selected.add(selection)
    return first, again


def _digits(text: str) -> int:
    return int(text.replace(".", ""))


def test_the_source_is_the_one_these_tests_were_written_for() -> None:
    assert len(source_bytes("fielding")) == 7_134_518
