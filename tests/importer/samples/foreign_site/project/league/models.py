"""Players, teams and schools, and what the one did for the other."""

from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import F, Q


class School(models.Model):
    code = models.CharField(max_length=15, primary_key=True)
    name = models.CharField(max_length=80)
    city = models.CharField(max_length=40)
    state = models.CharField(max_length=2)
    country = models.CharField(max_length=3)


class Team(models.Model):
    """A team of one season: known by year, league and code."""

    class League(models.TextChoices):
        NATIONAL_ASSOCIATION = "NA"
        NATIONAL = "NL"
        AMERICAN = "AL"
        AMERICAN_ASSOCIATION = "AA"
        UNION = "UA"
        PLAYERS = "PL"
        FEDERAL = "FL"

    year = models.PositiveSmallIntegerField(validators=[MinValueValidator(1871)])
    league = models.CharField(max_length=2, choices=League)
    code = models.CharField(max_length=3)
    name = models.CharField(max_length=50)
    park = models.CharField(max_length=80, blank=True)
    division = models.CharField(
        max_length=1, blank=True, choices=[("E", "East"), ("C", "Central"), ("W", "West")]
    )
    rank = models.PositiveSmallIntegerField()
    wins = models.PositiveSmallIntegerField()
    losses = models.PositiveSmallIntegerField()
    runs = models.PositiveSmallIntegerField()
    walks = models.PositiveSmallIntegerField(null=True, blank=True)
    earned_run_average = models.DecimalField(max_digits=4, decimal_places=2)
    fielding_average = models.DecimalField(max_digits=4, decimal_places=3)
    attendance = models.PositiveIntegerField(null=True, blank=True)
    won_world_series = models.BooleanField(null=True, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["year", "league", "code"], name="team_of_a_season")]


class Player(models.Model):
    class Hand(models.TextChoices):
        LEFT = "L"
        RIGHT = "R"

    code = models.CharField(max_length=9, unique=True)
    first_name = models.CharField(max_length=30, blank=True)
    last_name = models.CharField(max_length=30)
    given_name = models.CharField(max_length=60, blank=True)
    birth_country = models.CharField(max_length=30, null=True, blank=True)  # noqa: DJ001
    birth_year = models.PositiveSmallIntegerField(null=True, blank=True)
    birth_month = models.PositiveSmallIntegerField(null=True, blank=True)
    birth_day = models.PositiveSmallIntegerField(null=True, blank=True)
    born_on = models.DateField(null=True, blank=True)
    weight = models.PositiveSmallIntegerField(null=True, blank=True, validators=[MinValueValidator(80)])
    height = models.PositiveSmallIntegerField(null=True, blank=True, validators=[MinValueValidator(50)])
    bats = models.CharField(max_length=1, blank=True, choices=[*Hand.choices, ("B", "Both")])
    throws = models.CharField(max_length=1, blank=True, choices=Hand)
    debut = models.DateField(null=True, blank=True)
    last_game = models.DateField(null=True, blank=True)
    retrosheet_code = models.CharField(max_length=9, null=True, blank=True, unique=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(last_game__gte=F("debut")), name="player_ends_after_the_debut"
            ),
        ]


class Batting(models.Model):
    player = models.ForeignKey(Player, on_delete=models.CASCADE)
    team = models.ForeignKey(Team, on_delete=models.CASCADE)
    year = models.PositiveSmallIntegerField()
    stint = models.PositiveSmallIntegerField()
    games = models.PositiveSmallIntegerField()
    at_bats = models.PositiveSmallIntegerField()
    runs = models.PositiveSmallIntegerField()
    hits = models.PositiveSmallIntegerField()
    doubles = models.PositiveSmallIntegerField()
    triples = models.PositiveSmallIntegerField()
    home_runs = models.PositiveSmallIntegerField()
    runs_batted_in = models.PositiveSmallIntegerField(null=True, blank=True)
    strikeouts = models.PositiveSmallIntegerField(null=True, blank=True)
    sacrifice_flies = models.PositiveSmallIntegerField(null=True, blank=True)

    class Meta:
        unique_together = [("player", "year", "stint")]


class Fielding(models.Model):
    class Position(models.TextChoices):
        PITCHER = "P"
        CATCHER = "C"
        FIRST_BASE = "1B"
        SECOND_BASE = "2B"
        THIRD_BASE = "3B"
        SHORTSTOP = "SS"
        OUTFIELD = "OF"

    player = models.ForeignKey(Player, on_delete=models.CASCADE)
    team = models.ForeignKey(Team, on_delete=models.CASCADE)
    year = models.PositiveSmallIntegerField()
    stint = models.PositiveSmallIntegerField()
    position = models.CharField(max_length=2, choices=Position)
    games = models.PositiveSmallIntegerField()
    innings = models.DecimalField(max_digits=6, decimal_places=2, null=True, blank=True)
    putouts = models.PositiveSmallIntegerField()
    assists = models.PositiveSmallIntegerField()
    errors = models.PositiveSmallIntegerField()
    double_plays = models.PositiveSmallIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["player", "year", "stint", "position"], name="fielding_once_a_stint_and_position"
            )
        ]


class Appearance(models.Model):
    """Known by its parents alone: no column of its own is the primary key."""

    pk = models.CompositePrimaryKey("player_id", "team_id")
    player = models.ForeignKey(Player, on_delete=models.CASCADE)
    team = models.ForeignKey(Team, on_delete=models.CASCADE)
    games = models.PositiveSmallIntegerField()
    games_started = models.PositiveSmallIntegerField(null=True, blank=True)
    games_pitched = models.PositiveSmallIntegerField()
    games_in_the_outfield = models.PositiveSmallIntegerField()


class CollegeSeason(models.Model):
    player = models.ForeignKey(Player, on_delete=models.CASCADE)
    school = models.ForeignKey(School, on_delete=models.CASCADE)
    year = models.PositiveSmallIntegerField()

    class Meta:
        unique_together = [("player", "school", "year")]


class AllstarSelection(models.Model):
    player = models.ForeignKey(Player, on_delete=models.CASCADE)
    team = models.ForeignKey(Team, null=True, blank=True, on_delete=models.CASCADE)
    year = models.PositiveSmallIntegerField()
    game_number = models.PositiveSmallIntegerField()
    game = models.CharField(max_length=12, null=True, blank=True)  # noqa: DJ001
    played = models.BooleanField()
    starting_position = models.PositiveSmallIntegerField(null=True, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["player", "game"], name="allstar_once_a_game")]
