"""How baseball's records, as the Lahman database writes them, become the models of this site."""

import datetime as dt
from decimal import Decimal
from typing import Any

from importer import Column, Lookup, ModelImport, register
from league.models import AllstarSelection, Appearance, Batting, CollegeSeason, Fielding, Player, School, Team

# "NA" stands for nothing in this site's other sources. Here it is a league too: the National Association.
NOTHING = ("", "NA")
ONLY_EMPTY = ("",)


def year_begins(year: str) -> dt.date:
    return dt.date(int(year), 1, 1)


def is_yes(answer: str) -> bool:
    return {"Y": True, "N": False}[answer]


def innings(outs: str) -> Decimal:
    return (Decimal(outs) / 3).quantize(Decimal("0.01"))


def team_of_the_season() -> Lookup:
    return Lookup(("yearID", "lgID", "teamID"), to=("year", "league", "code"), null_values=ONLY_EMPTY)


@register
class SchoolImport(ModelImport):
    class Meta:
        model = School
        name = "schools"
        key = ("code",)

    code = Column("schoolID")
    name = Column("name_full")


@register
class TeamImport(ModelImport):
    class Meta:
        model = Team
        name = "teams"
        key = ("year", "league", "code")
        on_conflict = "update"
        null_values = NOTHING

    year = Column("yearID")
    league = Column("lgID", null_values=ONLY_EMPTY)
    code = Column("teamID")
    division = Column("divID")
    rank = Column("Rank")
    wins = Column("W")
    losses = Column("L")
    runs = Column("R")
    walks = Column("BB")
    earned_run_average = Column("ERA")
    fielding_average = Column("FP")
    won_world_series = Column("WSWin", transform=is_yes)


@register
class PlayerImport(ModelImport):
    class Meta:
        model = Player
        name = "players"
        key = ("code",)
        on_conflict = "update"

    code = Column("playerID")
    first_name = Column("nameFirst")
    last_name = Column("nameLast", transform=[str.strip, str.upper])
    given_name = Column("nameGiven")
    birth_country = Column("birthCountry", null_values=("", "At Sea"))
    birth_year = Column("birthYear")
    birth_month = Column("birthMonth")
    birth_day = Column("birthDay")
    born_on = Column("birthYear", transform=year_begins)
    last_game = Column("finalGame", formats=("%Y-%m-%d",))
    retrosheet_code = Column("retroID")

    def clean_record(self, record: dict[str, Any]) -> dict[str, Any]:
        parts = [record["birth_year"], record["birth_month"], record["birth_day"]]
        record["born_on"] = dt.date(*parts) if all(parts) else None
        return record


@register
class BattingImport(ModelImport):
    class Meta:
        model = Batting
        name = "batting"
        key = ("player", "year", "stint")
        on_conflict = "update"
        null_values = NOTHING

    player = Lookup("playerID", to="code")
    team = team_of_the_season()
    year = Column("yearID")
    games = Column("G")
    at_bats = Column("AB")
    runs = Column("R")
    hits = Column("H")
    doubles = Column("2B")
    triples = Column("3B")
    home_runs = Column("HR")
    runs_batted_in = Column("RBI")
    strikeouts = Column("SO")
    sacrifice_flies = Column("SF")


@register
class FieldingImport(ModelImport):
    class Meta:
        model = Fielding
        name = "fielding"
        key = ("player", "year", "stint", "position")

    player = Lookup("playerID", to="code")
    team = team_of_the_season()
    year = Column("yearID")
    position = Column("POS")
    games = Column("G")
    innings = Column("InnOuts", transform=innings)
    putouts = Column("PO")
    assists = Column("A")
    errors = Column("E")
    double_plays = Column("DP")


@register
class AppearanceImport(ModelImport):
    class Meta:
        model = Appearance
        name = "appearances"
        key = ("player", "team")
        on_conflict = "update"

    player = Lookup("playerID", to="code")
    team = team_of_the_season()
    games = Column("G_all")
    games_started = Column("GS")
    games_pitched = Column("G_p")
    games_in_the_outfield = Column("G_of")


@register
class CollegeImport(ModelImport):
    class Meta:
        model = CollegeSeason
        name = "college"

    player = Lookup("playerID", to="code")
    school = Lookup("schoolID")
    year = Column("yearID")


class AllstarColumns(ModelImport):
    player = Lookup("playerID", to="code")
    team = team_of_the_season()
    year = Column("yearID")
    game_number = Column("gameNum")
    game = Column("gameID")
    played = Column("GP")
    starting_position = Column("startingPos")


@register
class AllstarImport(AllstarColumns):
    class Meta:
        model = AllstarSelection
        name = "allstars"


@register
class AllstarWithoutTeamImport(AllstarColumns):
    class Meta:
        model = AllstarSelection
        name = "allstars-without-team"

    team = Lookup(
        ("yearID", "lgID", "teamID"), to=("year", "league", "code"), missing="null", null_values=ONLY_EMPTY
    )
