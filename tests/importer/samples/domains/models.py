"""Models of many domains, named as their own sites would name them, not as the files of others do."""

from django.db import models
from django.utils import timezone


class Airport(models.Model):
    iata_code = models.CharField(max_length=4, unique=True)
    name = models.CharField(max_length=100)
    city = models.CharField(max_length=100, blank=True)
    state = models.CharField(max_length=2, blank=True)
    country = models.CharField(max_length=60)
    latitude = models.FloatField()
    longitude = models.FloatField()


class BirdStrike(models.Model):
    class Size(models.TextChoices):
        SMALL = "S", "Small"
        MEDIUM = "M", "Medium"
        LARGE = "L", "Large"

    airport_name = models.CharField(max_length=100)
    aircraft_model = models.CharField(max_length=60)
    damage = models.CharField(max_length=20)
    flight_date = models.DateField()
    operator = models.CharField(max_length=80)
    origin_state = models.CharField(max_length=40)
    flight_phase = models.CharField(max_length=30)
    wildlife_size = models.CharField(max_length=1, choices=Size)
    species = models.CharField(max_length=80)
    time_of_day = models.CharField(max_length=10)
    other_cost = models.IntegerField()
    repair_cost = models.IntegerField()
    total_cost = models.IntegerField()
    speed = models.IntegerField(null=True, blank=True)


class Nation(models.Model):
    name = models.CharField(max_length=60, unique=True)
    gdp_per_person = models.IntegerField(null=True, blank=True, verbose_name="income per person")
    life_expectancy = models.DecimalField(max_digits=4, decimal_places=1, null=True, blank=True)
    population = models.BigIntegerField()
    region = models.CharField(max_length=40)


class Weather(models.Model):
    station = models.CharField(max_length=30, verbose_name="location")
    day = models.DateField(verbose_name="date")
    precipitation = models.FloatField()
    max_temperature = models.FloatField()
    min_temperature = models.FloatField()
    wind_speed = models.FloatField()
    condition = models.CharField(max_length=20)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["station", "day"], name="domains_weather_unique")]


class Quote(models.Model):
    symbol = models.CharField(max_length=8)
    date = models.DateField()
    price = models.DecimalField(max_digits=10, decimal_places=2)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["symbol", "date"], name="domains_quote_unique")]


class Habitat(models.Model):
    item = models.CharField(max_length=24, verbose_name="item id")
    common_name = models.CharField(max_length=60)
    scientific_name = models.CharField(max_length=60)
    species_code = models.CharField(max_length=10)
    county = models.CharField(max_length=5)
    percent_of_year = models.FloatField()


class Country(models.Model):
    name = models.CharField(max_length=60)
    official_name = models.CharField(max_length=120)
    alpha2 = models.CharField(max_length=2, unique=True, verbose_name="cca2")
    alpha3 = models.CharField(max_length=3, unique=True, verbose_name="cca3")
    capital = models.CharField(max_length=60, blank=True)
    region = models.CharField(max_length=20)
    subregion = models.CharField(max_length=40, blank=True)
    area = models.FloatField()
    landlocked = models.BooleanField(default=False)
    un_member = models.BooleanField(default=False)


class Park(models.Model):
    key = models.CharField(max_length=10, unique=True)
    name = models.CharField(max_length=80)
    alias = models.CharField(max_length=100, blank=True)
    city = models.CharField(max_length=40)
    state = models.CharField(max_length=20, blank=True)
    country = models.CharField(max_length=2)


class School(models.Model):
    code = models.CharField(max_length=20, unique=True, verbose_name="school ID")
    full_name = models.CharField(max_length=100)
    city = models.CharField(max_length=40, blank=True)
    state = models.CharField(max_length=10, blank=True)
    country = models.CharField(max_length=10, blank=True)


class Player(models.Model):
    player_id = models.CharField(max_length=12, unique=True)
    first_name = models.CharField(max_length=40, blank=True)
    last_name = models.CharField(max_length=40)
    given_name = models.CharField(max_length=80, blank=True)
    birth_year = models.IntegerField(null=True, blank=True)
    birth_month = models.IntegerField(null=True, blank=True)
    birth_day = models.IntegerField(null=True, blank=True)
    birth_country = models.CharField(max_length=40, blank=True)
    birth_city = models.CharField(max_length=60, blank=True)
    weight = models.IntegerField(null=True, blank=True)
    height = models.IntegerField(null=True, blank=True)
    bats = models.CharField(max_length=1, blank=True)
    throws = models.CharField(max_length=1, blank=True)
    debut = models.DateField(null=True, blank=True)
    last_game = models.DateField(null=True, blank=True)


class Salary(models.Model):
    year = models.IntegerField()
    team = models.CharField(max_length=3)
    league = models.CharField(max_length=2)
    player = models.ForeignKey(Player, on_delete=models.CASCADE)
    amount = models.IntegerField(verbose_name="salary")


class Vote(models.Model):
    player = models.ForeignKey(Player, on_delete=models.CASCADE)
    year = models.IntegerField()
    voted_by = models.CharField(max_length=40)
    ballots = models.IntegerField(null=True, blank=True)
    votes_needed = models.IntegerField(null=True, blank=True)
    votes = models.IntegerField(null=True, blank=True)
    is_inducted = models.BooleanField()
    category = models.CharField(max_length=30)


class Place(models.Model):
    zip_code = models.CharField(max_length=5, unique=True)
    city = models.CharField(max_length=60)
    state = models.CharField(max_length=2)
    county = models.CharField(max_length=60)
    lat = models.FloatField()
    lng = models.FloatField()


class Victim(models.Model):
    first_name = models.CharField(max_length=40)
    surname = models.CharField(max_length=40)
    age = models.IntegerField(null=True, blank=True)
    sex = models.CharField(max_length=10)
    race = models.CharField(max_length=20, blank=True)
    died_on = models.DateField(verbose_name="date of death")
    street_address = models.CharField(max_length=120)
    neighborhood = models.CharField(max_length=60)
    kind = models.CharField(max_length=40)
    longitude = models.FloatField(null=True, blank=True)
    latitude = models.FloatField(null=True, blank=True)


class Commits(models.Model):
    moment = models.DateTimeField(verbose_name="time")
    number = models.IntegerField(verbose_name="count")


class Customer(models.Model):
    class Tier(models.TextChoices):
        FREE = "free", "Free"
        PRO = "pro", "Professional"
        ENTERPRISE = "enterprise", "Enterprise"

    number = models.CharField(max_length=12, unique=True, verbose_name="customer number")
    first_name = models.CharField(max_length=40)
    last_name = models.CharField(max_length=40)
    email = models.EmailField(blank=True)
    phone = models.CharField(max_length=30, blank=True)
    street = models.CharField(max_length=80, blank=True)
    postal_code = models.CharField(max_length=10, blank=True)
    city = models.CharField(max_length=60, blank=True)
    tier = models.CharField(max_length=12, choices=Tier, default=Tier.FREE, blank=True)
    revenue = models.DecimalField(max_digits=12, decimal_places=2, null=True, blank=True)
    is_active = models.BooleanField(default=True)
    newsletter = models.BooleanField(default=False)
    created_at = models.DateTimeField(default=timezone.now)
    notes = models.TextField(blank=True)


class Invoice(models.Model):
    invoice_number = models.CharField(max_length=20, unique=True)
    customer = models.ForeignKey(Customer, on_delete=models.CASCADE)
    issued = models.DateField(verbose_name="invoice date")
    due_date = models.DateField(null=True, blank=True)
    net_amount = models.DecimalField(max_digits=12, decimal_places=2)
    tax = models.DecimalField(max_digits=12, decimal_places=2)
    total = models.DecimalField(max_digits=12, decimal_places=2)
    currency = models.CharField(max_length=3)
    paid = models.BooleanField(default=False)


class Category(models.Model):
    slug = models.SlugField(unique=True)
    name = models.CharField(max_length=60)


class Product(models.Model):
    sku = models.CharField(max_length=20, unique=True)
    name = models.CharField(max_length=100)
    category = models.ForeignKey(Category, on_delete=models.CASCADE)
    unit_price = models.DecimalField(max_digits=9, decimal_places=2)
    stock = models.IntegerField(default=0)
    weight = models.FloatField(null=True, blank=True)
    discontinued = models.BooleanField(default=False)
    url = models.URLField(blank=True)


class Employee(models.Model):
    legacy_id = models.IntegerField(unique=True)
    full_name = models.CharField(max_length=80)
    email = models.EmailField(unique=True)
    department = models.CharField(max_length=40)
    hired_on = models.DateField(verbose_name="hire date")
    salary = models.DecimalField(max_digits=10, decimal_places=2)
    manager = models.ForeignKey("self", null=True, blank=True, on_delete=models.SET_NULL)


class Member(models.Model):
    member_number = models.PositiveIntegerField(unique=True)
    name = models.CharField(max_length=40)
    family_name = models.CharField(max_length=60)
    birth_date = models.DateField(null=True, blank=True)
    email = models.EmailField(blank=True)
    mobile = models.CharField(max_length=30, blank=True)
    city = models.CharField(max_length=60, blank=True)
    fee = models.DecimalField(max_digits=7, decimal_places=2)
    joined = models.DateField()
    remarks = models.TextField(blank=True)


class Event(models.Model):
    uuid = models.UUIDField(unique=True)
    title = models.CharField(max_length=100)
    starts_at = models.DateTimeField()
    ip_address = models.GenericIPAddressField(null=True, blank=True)
    payload = models.JSONField(default=dict, blank=True)
    attendees = models.IntegerField()
    website = models.URLField(blank=True)


class Reading(models.Model):
    sensor = models.CharField(max_length=20)
    measured_at = models.DateTimeField(verbose_name="timestamp")
    temperature = models.FloatField()
    humidity = models.FloatField(null=True, blank=True)
    is_valid = models.BooleanField()


class Patient(models.Model):
    patient_number = models.CharField(max_length=12, unique=True)
    first_name = models.CharField(max_length=40)
    last_name = models.CharField(max_length=60)
    birth_date = models.DateField()
    gender = models.CharField(max_length=1, choices=[("m", "male"), ("f", "female")])
    weight = models.DecimalField(max_digits=5, decimal_places=1)
    admitted = models.DateTimeField(verbose_name="admission date")
    insured = models.BooleanField()
    physician = models.CharField(max_length=60, blank=True, verbose_name="doctor")


class Book(models.Model):
    isbn = models.CharField(max_length=13, unique=True)
    title = models.CharField(max_length=200)
    author = models.CharField(max_length=100)
    publisher = models.CharField(max_length=80, blank=True)
    year = models.IntegerField(verbose_name="year of publication")
    price = models.DecimalField(max_digits=7, decimal_places=2)
    borrowed = models.BooleanField(default=False)


class Agent(models.Model):
    username = models.CharField(max_length=30, unique=True)
    email = models.EmailField(unique=True)


class Ticket(models.Model):
    class Priority(models.TextChoices):
        LOW = "low", "Low"
        NORMAL = "normal", "Normal"
        HIGH = "high", "High"
        URGENT = "urgent", "Urgent"

    reference = models.CharField(max_length=12, unique=True)
    subject = models.CharField(max_length=150)
    description = models.TextField(blank=True)
    priority = models.CharField(max_length=8, choices=Priority)
    opened_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True, blank=True)
    assignee = models.ForeignKey(Agent, null=True, blank=True, on_delete=models.SET_NULL)
    customer = models.ForeignKey(Customer, on_delete=models.CASCADE)
    resolved = models.BooleanField(default=False)


class Account(models.Model):
    iban = models.CharField(max_length=34, unique=True)
    holder = models.CharField(max_length=80)
    balance = models.DecimalField(max_digits=14, decimal_places=2)
    currency = models.CharField(max_length=3)
    opened_on = models.DateField()
    blocked = models.BooleanField(default=False)
