"""The commands as a shell sees them: exit codes, output and errors, one line for every refusal."""

import csv
import io
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.importer.private_site import PROJECT, PrivateSite
from tests.importer.shell import Answer, Shell

FATES = ("inserted", "updated", "unchanged", "skipped", "rejected")
KEYS = {"job", "status", "read", *FATES, "batches", "seconds", "records_per_second", "peak_memory_mb"}
QUIETLY = ("--json", "--no-progress")
HEADER = "legacy_id,email,first_name,ROLE,COMP_CD,JOIN_DT,balance\n"


def start(site: PrivateSite, *arguments: str, **environment: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, str(PROJECT / "manage.py"), *arguments],
        env=site.environment() | environment,
        cwd=site.folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def answer_of(process: "subprocess.Popen[str]") -> Answer:
    out, err = process.communicate(timeout=60)
    assert "Traceback" not in err
    return Answer(process.returncode, out, err)


def manage(site: PrivateSite, *arguments: str, **environment: str) -> Answer:
    return answer_of(start(site, *arguments, **environment))


def assert_refused(answer: Answer, code: int, *words: str) -> None:
    assert answer.code == code, answer
    assert len(answer.err.splitlines()) == 1, answer.err
    for word in words:
        assert word in answer.err


@pytest.fixture
def site(private_site: PrivateSite) -> PrivateSite:
    private_site.sql("TRUNCATE crm_contact")
    return private_site


@pytest.fixture(scope="module")
def shell(private_site: PrivateSite) -> Iterator[Shell]:
    shell = private_site.another_shell()
    yield shell
    shell.close()


def contacts(
    site: PrivateSite, *, records: int = 20, bad: tuple[int, ...] = (), name: str = "commands.csv"
) -> Path:
    path = site.folder / name
    lines = [
        f"{n},c{n}@example.com,Ann,{'king' if n in bad else 'user'},C{n % 50 + 1},02/28/2020,{n}.5\n"
        for n in range(1, records + 1)
    ]
    path.write_text(HEADER + "".join(lines))
    return path


def rows(site: PrivateSite) -> int:
    return int(site.sql("SELECT count(*) FROM crm_contact")[0][0])


def made(shell: Shell, path: Path, spec: str = "contacts-insert") -> str:
    answer = shell("create_import", spec, str(path))
    assert (answer.code, answer.err) == (0, "")
    return answer.out.strip()


# From job to result


def test_a_job_runs_to_its_end_and_only_once(site: PrivateSite, shell: Shell) -> None:
    path = contacts(site, bad=(3, 7))

    created = manage(site, "create_import", "contacts-insert", path.name, "--name", "First try")
    first = manage(site, "run_import", created.out.strip(), *QUIETLY)
    log_entries = site.sql("SELECT count(*) FROM data_migration_logs")
    second = manage(site, "run_import", created.out.strip(), *QUIETLY)
    in_words = shell("run_import", created.out.strip(), "--no-progress")

    assert created.out == f"{int(created.out)}\n"
    assert (first.code, first.err) == (0, "")
    assert len(first.out.splitlines()) == 1
    assert first.figures.keys() == KEYS
    assert (first.figures["status"], first.figures["read"], first.figures["rejected"]) == ("completed", 20, 2)
    assert first.figures["read"] == sum(first.figures[fate] for fate in FATES)
    assert second.code == 0
    assert second.figures == first.figures
    assert "nothing was written" in second.err
    assert len(second.err.splitlines()) == 1
    assert in_words.code == 0
    assert "20 read = 18 inserted" in in_words.out
    assert rows(site) == 18
    assert site.sql("SELECT count(*) FROM data_migration_logs") == log_entries


def test_off_a_terminal_progress_is_plain_lines_on_standard_error(site: PrivateSite, shell: Shell) -> None:
    job = made(shell, contacts(site, records=2_000))

    answer = shell("run_import", job, "--json")

    assert answer.code == 0
    assert answer.figures["read"] == 2_000
    assert "\x1b" not in answer.err
    assert "\r" not in answer.err


def test_the_report_reconciles_and_groups_what_was_rejected(site: PrivateSite, shell: Shell) -> None:
    job = made(shell, contacts(site, bad=(3, 7)))
    shell("run_import", job, *QUIETLY)

    in_words, as_json = shell("import_report", job), shell("import_report", job, "--json")

    assert (in_words.code, in_words.err, as_json.code, as_json.err) == (0, "", 0, "")
    assert "every record has one fate" in in_words.out
    assert "2 x role: invalid_choice" in in_words.out
    figures = as_json.figures
    assert figures["balanced"] is True
    assert (figures["read"], figures["inserted"], figures["rejected"]) == (20, 18, 2)
    assert [(family["field"], family["code"], family["records"]) for family in figures["families"]] == [
        ("role", "invalid_choice", 2)
    ]


def test_a_dry_run_shows_what_would_change_and_leaves_nothing(site: PrivateSite, shell: Shell) -> None:
    shell("run_import", made(shell, contacts(site, records=3)), *QUIETLY)
    path = contacts(site, records=10, bad=(9,))
    path.write_text(path.read_text().replace("2,c2@example.com,Ann", "2,c2@example.com,Anna"))
    job = made(shell, path, "contacts")
    tables = "SELECT (SELECT count(*) FROM data_import_chunks), (SELECT count(*) FROM staging_records), md5(string_agg(c::text, ',' ORDER BY id)) FROM crm_contact c"  # noqa: E501
    before = site.sql(tables)

    rehearsed = shell("run_import", job, "--dry-run", *QUIETLY)
    in_words = shell("run_import", job, "--dry-run", "--no-progress")
    after = site.sql(tables)
    performed = shell("run_import", job, *QUIETLY)

    figures = rehearsed.figures
    assert (rehearsed.code, rehearsed.err, figures["status"]) == (0, "", "dry-run")
    assert figures.keys() == KEYS | {"sample"}
    assert [figures[name] for name in ("read", *FATES)] == [10, 6, 1, 2, 0, 1]
    assert figures["sample"]["updated"] == [{"key": ["2"], "changes": {"first_name": ["Ann", "Anna"]}}]
    assert figures["sample"]["inserted"][0]["email"] == "c4@example.com"
    assert "would be inserted" in in_words.out
    assert "'Ann', 'Anna'" in in_words.out
    assert after == before
    assert [performed.figures[name] for name in ("read", *FATES)] == [10, 6, 1, 2, 0, 1]


# Wrong usage: 2


MISSING: list[tuple[tuple[str, ...], tuple[str, ...]]] = [
    (("create_import", "no-such-spec", "commands.csv"), ("no-such-spec",)),
    (("create_import", "contact", "commands.csv"), ("contacts",)),
    (("create_import", "contacts", "missing.csv"), ("missing.csv",)),
    (("create_import", "contacts", "../commands.csv"), ("outside",)),
    (("create_import", "contacts", "commands.csv", "--encoding", "klingon"), ("klingon",)),
    (("create_import", "contacts", "commands.csv", "--delimiter", "ab"), ("delimiter",)),
    (("create_import", "contacts", "commands.dat"), ("--format",)),
    (("create_import", "contacts", "db:nowhere/table"), ("nowhere",)),
    (("run_import", "999999"), ("999999", "create_import")),
    (("import_report", "999999"), ("999999",)),
    (("export_rejects", "999999"), ("999999",)),
    (("replay_rejects", "999999"), ("999999",)),
    (("run_import", "99999999999999999999999"), ("99999999999999999999999",)),
    (("explain_import", "no-such-spec"), ("no-such-spec",)),
]
WRONG: list[tuple[str, ...]] = [
    ("run_import", "x"), ("run_import", "1", "--workers", "0"),
    ("run_import", "1", "--max-error-rate", "2"), ("run_import", "1", "--max-error-rate", "nan"),
    ("run_import", "1", "--max-errors", "-1"), ("run_import", "1", "--executor", "magic"),
]  # fmt: skip


def test_what_does_not_exist_is_told_in_one_line_and_ends_with_2(site: PrivateSite, shell: Shell) -> None:
    contacts(site, records=1)
    contacts(site, records=1, name="commands.dat")

    answers = [shell(*arguments) for arguments, _ in MISSING]

    for (_, words), answer in zip(MISSING, answers, strict=True):
        assert_refused(answer, 2, *words)
        assert answer.out == ""


def test_wrong_usage_ends_with_2(site: PrivateSite, shell: Shell) -> None:
    answers = [shell(*arguments) for arguments in WRONG]

    for arguments, answer in zip(WRONG, answers, strict=True):
        assert answer.code == 2, arguments
        assert "error:" in answer.err.splitlines()[-1]
        assert answer.out == ""


ASKED_FOR_A_JOB = ("run_import", "import_report", "export_rejects", "replay_rejects", "undo_import")


def test_a_command_without_its_argument_lists_what_there_is(site: PrivateSite, shell: Shell) -> None:
    job = made(shell, contacts(site, records=2, bad=(2,)))
    shell("run_import", job, *QUIETLY)

    of_jobs = {name: shell(name) for name in ASKED_FOR_A_JOB}
    of_specs = {name: shell(name) for name in ("create_import", "explain_import")}
    without_source = shell("create_import", "contacts-insert")

    for name, answer in of_jobs.items():
        assert (answer.code, answer.out) == (2, "")
        assert re.search(rf"^ +{job}  completed  +2  +1  \S+ \S+  contacts-insert$", answer.err, re.MULTILINE)
        assert answer.err.endswith(f"Which job? Run `manage.py {name} JOB`.\n")
    for answer in of_specs.values():
        assert (answer.code, answer.out) == (2, "")
        assert re.search(r"^  contacts-insert +crm\.Contact$", answer.err, re.MULTILINE)
    assert_refused(without_source, 2, "Which source?", "create_import contacts-insert SOURCE")


def test_a_failed_job_is_told_once(site: PrivateSite, shell: Shell) -> None:
    path = site.folder / "unfit.csv"
    path.write_text("nothing,that,fits\n1,2,3\n")

    answer = shell("run_import", made(shell, path), "--no-progress")

    assert_refused(answer, 1, "failed")
    assert answer.out == ""


def test_the_sum_is_shown_as_a_sum(site: PrivateSite, shell: Shell) -> None:
    job = made(shell, contacts(site, records=20, bad=(3, 7)))
    shell("run_import", job, *QUIETLY)

    lines = shell("import_report", job).out.splitlines()

    figures = [
        line.split() for line in lines if line[2:4] in ("  ", "+ ", "= ") and line.split()[-1:] != ["csv"]
    ]
    assert [figure[:3] for figure in figures[:6]] == [
        ["inserted", "18"], ["+", "updated", "0"], ["+", "unchanged", "0"], ["+", "skipped", "0"],
        ["+", "rejected", "2"], ["=", "read", "20"],
    ]  # fmt: skip


def test_a_person_at_the_terminal_replays_a_file_that_lies_anywhere(
    site: PrivateSite, shell: Shell, tmp_path: Path
) -> None:
    job = made(shell, contacts(site, records=3, bad=(2,)))
    shell("run_import", job, *QUIETLY)
    rejects = tmp_path / "rejects.csv"
    shell("export_rejects", job, "--output", str(rejects))
    rejects.write_text(rejects.read_text().replace("king", "user"))

    missing = shell("replay_rejects", job, str(tmp_path / "missing.csv"))
    device = shell("replay_rejects", job, "/dev/zero")
    answer = shell("replay_rejects", job, str(rejects))

    assert_refused(missing, 1, "There is no file")
    assert_refused(device, 1, "not a regular file")
    assert "1 records replayed = 1 inserted" in answer.out


def test_a_process_of_its_own_says_the_same(site: PrivateSite) -> None:
    unknown_job = manage(site, "run_import", "999999")
    unknown_spec = manage(site, "create_import", "no-such-spec", "x")

    assert_refused(unknown_job, 2, "999999")
    assert_refused(unknown_spec, 2, "no-such-spec")


# What goes wrong: 1


def test_a_job_does_not_go_on_with_a_file_that_changed(site: PrivateSite, shell: Shell) -> None:
    path = contacts(site, bad=(3, 7))
    job = made(shell, path)
    text = path.read_text()

    too_many = shell("run_import", job, *QUIETLY, "--max-errors", "1")
    path.write_text(text + text.splitlines()[-1] + "\n")
    changed = shell("run_import", job, "--no-progress")
    path.unlink()
    gone = shell("run_import", job, "--no-progress")
    path.write_text(text)
    restored = shell("run_import", job, *QUIETLY)

    assert_refused(too_many, 1, "2 records were rejected, more than the 1 allowed")
    assert too_many.figures["status"] == "failed"
    assert_refused(changed, 1, "changed since job")
    assert_refused(gone, 1, "commands.csv")
    assert (restored.code, restored.figures["read"], restored.figures["inserted"]) == (0, 20, 18)


def test_past_an_error_rate_what_was_committed_stays_and_the_same_job_goes_on(
    site: PrivateSite, shell: Shell
) -> None:
    job = made(shell, contacts(site, records=3_000, bad=tuple(range(1_500, 3_001, 2))))

    stopped = shell("run_import", job, *QUIETLY, "--executor", "inline", "--max-error-rate", "0.05")
    committed = rows(site)
    finished = shell("run_import", job, *QUIETLY)

    assert_refused(stopped, 1, "% of the records were rejected, more than the 5.00% allowed")
    assert 0 < committed < 2_249
    assert stopped.figures["inserted"] == committed
    assert (finished.code, finished.figures["read"], finished.figures["inserted"]) == (0, 3_000, 2_249)
    assert rows(site) == 2_249


def test_a_job_runs_once_at_a_time(site: PrivateSite, shell: Shell) -> None:
    job = made(shell, contacts(site, records=6_000))
    running = start(site, "run_import", job, *QUIETLY, "--executor", "inline")
    assert site.wait_for_batches(int(job), 1, running)

    running.send_signal(signal.SIGSTOP)
    refused, replay = shell("run_import", job, "--no-progress"), shell("replay_rejects", job)
    rehearsal = shell("run_import", job, "--dry-run", "--no-progress")
    running.send_signal(signal.SIGCONT)
    answer = answer_of(running)

    assert_refused(refused, 1, "already running")
    assert_refused(replay, 1, "is running; replay its")
    assert_refused(rehearsal, 1, "already running")
    assert (answer.code, answer.figures["read"], rows(site)) == (0, 6_000, 6_000)


def test_what_a_spec_prints_holds_no_worker_up(site: PrivateSite, shell: Shell) -> None:
    path = site.folder / "talkative.csv"
    path.write_text("code,name\n" + "".join(f"T{n},Company\n" for n in range(300)))
    job = made(shell, path, "companies-talkative")

    answer = manage(site, "run_import", job, *QUIETLY, "--executor", "process")

    site.sql("DELETE FROM crm_company WHERE name = 'Company'")
    assert (answer.code, answer.figures["inserted"]) == (0, 300), answer.err


@pytest.mark.parametrize("executor", [pytest.param("inline", marks=pytest.mark.long), "process"])
def test_without_the_right_to_insert_the_job_fails_and_goes_on_once_it_is_granted(
    site: PrivateSite, shell: Shell, executor: str
) -> None:
    path = contacts(site)
    job = made(shell, path)
    url = as_role(site, "clerk")

    with closing(site.another_shell(DATABASE_URL=url)) as clerk:
        refused = clerk("run_import", job, *QUIETLY, "--executor", executor)
        rehearsal = clerk("run_import", job, "--dry-run", *QUIETLY)
    site.sql("GRANT INSERT ON crm_contact TO clerk; GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO clerk")
    granted = manage(site, "run_import", job, *QUIETLY, "--executor", executor, DATABASE_URL=url)

    assert_refused(refused, 1, 'Permission denied for table "crm_contact"', "GRANT INSERT")
    assert (refused.figures["status"], refused.figures["inserted"]) == ("failed", 0)
    assert_refused(rehearsal, 1, 'Permission denied for table "crm_contact"', "GRANT INSERT")
    assert (granted.code, granted.figures["inserted"]) == (0, 20), granted.err


def as_role(site: PrivateSite, role: str) -> str:
    """Return the database's URL for a role that may do everything except write contacts."""
    site.sql(f"DROP OWNED BY {role} CASCADE; DROP ROLE {role}" if role_exists(site, role) else "SELECT 1")
    site.sql(f"CREATE ROLE {role} LOGIN PASSWORD 'secret'")
    site.sql(
        f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {role};"
        f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {role};"
        f"GRANT MAINTAIN ON crm_contact TO {role};"
        f"REVOKE INSERT ON crm_contact FROM {role}"
    )
    parts = urlsplit(site.server.url)
    return parts._replace(netloc=f"{role}:secret@{parts.netloc.rpartition('@')[2]}").geturl()


def role_exists(site: PrivateSite, role: str) -> bool:
    return bool(site.sql("SELECT 1 FROM pg_roles WHERE rolname = %s", role))


COMMANDS = (("create_import", "contacts", "commands.csv"), ("run_import", "1"), ("import_report", "1"))


def test_a_database_that_is_away_is_told_in_one_line(site: PrivateSite) -> None:
    contacts(site, records=1)
    parts = urlsplit(site.server.url)
    nowhere = parts._replace(netloc=f"{parts.username}:x@127.0.0.1:1").geturl()

    with closing(site.another_shell(DATABASE_URL=nowhere)) as shell:
        answers = [shell(*command) for command in COMMANDS]

    for answer in answers:
        assert_refused(answer, 1)


def test_a_database_without_our_tables_is_told_in_one_line(site: PrivateSite) -> None:
    contacts(site, records=1)
    site.sql("DROP DATABASE IF EXISTS empty_one")
    site.sql("CREATE DATABASE empty_one")
    empty = urlsplit(site.server.url)._replace(path="/empty_one").geturl()

    with closing(site.another_shell(DATABASE_URL=empty)) as shell:
        answers = [shell(*command) for command in COMMANDS]

    for answer in answers:
        assert_refused(answer, 1)


# Stopped: 3


@pytest.mark.parametrize(
    "options",
    [
        ("--executor", "inline"),
        pytest.param(("--workers", "2"), marks=pytest.mark.long),
    ],  # see also test_kills.py
    ids="-".join,
)
def test_a_terminated_run_ends_with_3_and_goes_on_with_the_same_command(
    site: PrivateSite, shell: Shell, options: tuple[str, ...]
) -> None:
    job = made(shell, contacts(site, records=12_000, bad=(3, 9_000)))
    running = start(site, "run_import", job, *QUIETLY, *options)
    assert site.wait_for_batches(int(job), 2, running)

    running.send_signal(signal.SIGTERM)
    stopped = answer_of(running)
    resumed = shell("run_import", job, *QUIETLY, *options)

    assert_refused(stopped, 3, f"`run_import {job}` resumes it")
    assert stopped.figures.keys() == KEYS
    assert stopped.figures["status"] == "stopped"
    assert 0 < stopped.figures["read"] < 12_000
    assert resumed.code == 0
    assert (resumed.figures["read"], resumed.figures["inserted"], rows(site)) == (12_000, 11_998, 11_998)


# Rejected records: export and replay

NAMES = [
    "=1+1", "+1", "-1", "@SUM(A1)", "\tx", "'=1", "''", "'", "plain", "|cmd", "%x", 'say "q"', "a,b",
    "two\nlines", "é 日本 😀", "=HYPERLINK(\"x\")", "-", "\u2212", "x=1", "'plain",
]  # fmt: skip


def test_rejected_records_go_out_without_formulas_and_come_in_as_they_were(
    site: PrivateSite, shell: Shell
) -> None:
    path = site.folder / "commands.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        file.write(HEADER)
        for number, name in enumerate(NAMES, 1):
            writer.writerow(
                [number, f"c{number}@example.com", name, "king", "C1", "02/28/2020", f"-{number}"]
            )
    job = made(shell, path)
    run = shell("run_import", job, *QUIETLY)

    exported = shell("export_rejects", job, "--output", "rejects.csv")
    to_stdout = shell("export_rejects", job)
    rejects = site.folder / "rejects.csv"
    cells = [cell for row in csv.reader(io.StringIO(rejects.read_text())) for cell in row]
    rejects.write_text(rejects.read_text().replace(",king,", ",user,"))
    replayed = shell("replay_rejects", job, "rejects.csv")
    report = shell("import_report", job, "--json")

    assert run.figures["rejected"] == len(NAMES)
    assert (exported.code, exported.out) == (0, "")
    assert next(csv.reader(io.StringIO(to_stdout.out)))[:3] == ["_line", "_reasons", "legacy_id"]
    assert not [cell for cell in cells if cell[:1] in ("=", "+", "-", "@", "\t", "\r")]
    assert replayed.code == 0
    assert f"{len(NAMES)} records replayed = {len(NAMES)} inserted" in replayed.out
    assert [row[0] for row in site.sql("SELECT first_name FROM crm_contact ORDER BY legacy_id")] == NAMES
    assert site.sql("SELECT sum(balance) FROM crm_contact")[0][0] == -sum(range(1, len(NAMES) + 1))
    assert (report.figures["balanced"], report.figures["inserted"], report.figures["rejected"]) == (
        True,
        len(NAMES),
        0,
    )


def test_a_fixed_file_is_taken_whole_or_not_at_all(site: PrivateSite, shell: Shell) -> None:
    job = made(shell, contacts(site, bad=(3, 7)))
    unrun = shell("replay_rejects", job)
    shell("run_import", job, *QUIETLY)
    shell("export_rejects", job, "--output", "rejects.csv")
    good = (site.folder / "rejects.csv").read_text()
    damaged = {
        "line.csv": good.replace("\n4,", "\n5,"),
        "columns.csv": good.replace("legacy_id", "legacy"),
        "number.csv": good.replace("\n4,", "\nfour,"),
        "huge.csv": good.replace("\n4,", "\n99999999999999999999,"),
        "superscript.csv": good.replace("\n4,", "\n²,"),
        "quote.csv": good + '8,"x',
        "ragged.csv": good + "8\n",
        "empty.csv": "",
    }
    for name, text in damaged.items():
        (site.folder / name).write_text(text)
    (site.folder / "latin.csv").write_bytes(good.replace("Ann", "Änn").encode("latin-1"))

    answers = {name: shell("replay_rejects", job, name) for name in (*damaged, "latin.csv", "missing.csv")}
    without_file = shell("replay_rejects", job)

    assert_refused(unrun, 1, "has not been run yet")
    assert [name for name, answer in answers.items() if answer.code == 0] == []
    for answer in answers.values():
        assert_refused(answer, 1)
    assert without_file.code == 0
    assert "2 records replayed" in without_file.out
    assert "2 rejected again" in without_file.out
    assert rows(site) == 18


def test_rejects_that_cannot_be_written_are_told_in_one_line(site: PrivateSite, shell: Shell) -> None:
    job = made(shell, contacts(site, bad=(3,)))
    shell("run_import", job, *QUIETLY)

    answers = [shell("export_rejects", job, "--output", place) for place in ("no/such/folder.csv", ".")]

    for answer in answers:
        assert_refused(answer, 1, "cannot be written")


def test_a_reader_that_goes_away_is_no_traceback(site: PrivateSite, shell: Shell) -> None:
    job = made(shell, contacts(site, records=3_000, bad=tuple(range(1, 3_001))))
    shell("run_import", job, *QUIETLY)
    process = start(site, "export_rejects", job)
    assert process.stdout

    process.stdout.readline()
    process.stdout.close()
    assert process.stderr
    err = process.stderr.read()
    process.wait(30)
    process.stderr.close()

    assert "Traceback" not in err
    assert "Exception ignored" not in err


def test_every_lane_is_explained(site: PrivateSite, shell: Shell) -> None:
    answer = shell("explain_import", "everything")

    assert (answer.code, answer.err) == (0, "")
    for name in ("char_blank", "duration", "data"):
        assert name in answer.out


def test_a_run_needs_no_terminal_and_no_home(site: PrivateSite, shell: Shell) -> None:
    job = made(shell, contacts(site))

    answer = manage(site, "run_import", job, *QUIETLY, HOME="/nonexistent", TERM="dumb", LANG="C", COLUMNS="")

    assert (answer.code, answer.figures["inserted"]) == (0, 20)
    assert os.environ.get("HOME") != "/nonexistent"
