# ruff: noqa: E501 (headers, as they are)
"""Writes files as people and programs export them: each with its own language, signs, encoding and habits."""

import json
import random
from collections.abc import Callable, Sequence
from pathlib import Path

import xlsxwriter
from faker import Faker

RECORDS = 120


def people(locale: str, seed: int) -> tuple[Faker, random.Random]:
    fake = Faker(locale)
    fake.seed_instance(seed)
    return fake, random.Random(seed)


def written(path: Path, text: str, encoding: str = "utf-8") -> Path:
    path.write_bytes(text.encode(encoding, "replace"))
    return path


def rows(records: Sequence[Sequence[object]], delimiter: str = ";", quote: str = "", end: str = "\n") -> str:
    return "".join(delimiter.join(f"{quote}{value}{quote}" for value in record) + end for record in records)


def german(amount: float) -> str:
    return f"{amount:,.2f}".translate(str.maketrans(",.", ".,"))


def customers_de(folder: Path) -> Path:
    fake, draw = people("de_DE", 1)
    records: list[list[object]] = [
        [
            f"K{10000 + n}",
            fake.first_name(),
            fake.last_name(),
            fake.ascii_free_email(),
            fake.phone_number(),
            fake.street_address(),
            fake.postcode(),
            fake.city(),
            german(draw.random() * 20000),
            "Ja" if draw.random() < 0.6 else "Nein",
            fake.date_time_between("-9y", "-1y").strftime("%d.%m.%Y"),
            fake.ascii_company_email(),
            draw.choice(["", "", "Rückruf erbeten", "zahlt spät"]),
        ]
        for n in range(RECORDS)
    ]
    head = "Kd-Nr;Vorname;Nachname;E-Mail;Telefon;Straße;PLZ;Ort;Umsatz;Newsletter;Angelegt am;E-Mail Buchhaltung;Bemerkung"
    preamble = "Kundenliste Musterfirma GmbH\nStand: 01.03.2024\n\n"
    footer = f"Summe;;;;;;;;{german(1234567.8)};;;;\n"
    return written(folder / "Kundenliste.csv", f"{preamble}{head}\n{rows(records)}{footer}", "cp1252")


def contacts_fr(folder: Path) -> Path:
    fake, draw = people("fr_FR", 2)
    records = [
        [
            1000 + n,
            fake.first_name(),
            fake.last_name(),
            fake.ascii_email(),
            fake.phone_number(),
            fake.street_address(),
            fake.postcode(),
            fake.city(),
            draw.choice(["Gratuit", "Free", "PRO", "Enterprise"]),
            f"{draw.random() * 9000:,.2f}".replace(",", " ").replace(".", ","),
            draw.choice(["oui", "non"]),
        ]
        for n in range(RECORDS)
    ]
    head = "Numéro client;Prénom;Nom de famille;Courriel;Téléphone;Adresse;Code postal;Ville;Tier;Chiffre d'affaires;Newsletter"
    return written(folder / "contacts.csv", f"{head}\r\n" + rows(records, end="\r\n"), "mac_roman")


def invoices_us(folder: Path) -> Path:
    _, draw = people("en_US", 3)
    records = []
    for n in range(RECORDS):
        net = draw.random() * 9000
        day, month = draw.randint(1, 28), draw.randint(1, 12)
        records.append([
            f"INV-{2000 + n}", f"C{draw.randint(1, 40):04}", f"{month}/{day}/2023", f"{month % 12 + 1}/{day}/2024",
            f"{net:,.2f}", f"{net * 0.07:,.2f}", f"{net * 1.07:,.2f}", "USD", draw.choice("YN"),
        ])  # fmt: skip
    head = [
        "Invoice No",
        "Cust No",
        "Invoice Date",
        "Due Date",
        "Net Amount",
        "Tax",
        "Total",
        "Currency",
        "Paid?",
    ]
    return written(folder / "invoices.csv", rows([head], ",", '"') + rows(records, ",", '"'))


def products(folder: Path) -> Path:
    _, draw = people("en_US", 4)
    path = folder / "products.xlsx"
    book = xlsxwriter.Workbook(str(path))
    about = book.add_worksheet("Read me")
    about.write_column(0, 0, ["Product export", "Please do not change the columns"])
    sheet = book.add_worksheet("Items")
    sheet.write(0, 0, "Products, March 2024")
    sheet.write_row(
        2,
        0,
        [
            "Item Number",
            "Product Name",
            "Category",
            "Unit Price",
            "Qty On Hand",
            "Weight (kg)",
            "Discontinued",
            "URL",
        ],
    )
    for n in range(RECORDS):
        sheet.write_row(3 + n, 0, [
            f"A-{100 + n}", f"{draw.choice(['Red', 'Blue', 'Tall'])} {draw.choice(['chair', 'table'])} {n}",
            draw.choice(["chairs", "tables"]), round(draw.random() * 300, 2), draw.randint(0, 500),
            round(draw.random() * 20, 3), draw.choice([True, False]), f"https://shop.example/items/{n}",
        ])  # fmt: skip
    book.close()
    return path


def employees(folder: Path) -> Path:
    """No header at all, as a mainframe writes it."""
    fake, draw = people("en_US", 5)
    records = [
        [
            100 + n, fake.name(), f"user{n}@corp.example", draw.choice(["IT", "Sales", "HR"]),
            fake.date_between("-20y", "-1y").isoformat(), f"{draw.randint(30, 90) * 1000 + n}.50",
        ]
        for n in range(RECORDS)
    ]  # fmt: skip
    return written(folder / "EMP.txt", rows(records, "|"))


def members_es(folder: Path) -> Path:
    fake, draw = people("es_ES", 6)
    records = [
        [
            n + 1, fake.first_name(), fake.last_name(), fake.date_of_birth(minimum_age=18).strftime("%d/%m/%Y"),
            fake.ascii_email(), fake.phone_number(), fake.city(), f"{draw.choice([20, 35, 50])},50",
            fake.date_between("-9y", "-1y").strftime("%d/%m/%Y"), draw.choice(["", "", "N/A", "Pagó tarde"]),
        ]
        for n in range(RECORDS)
    ]  # fmt: skip
    head = "Member No\tNombre\tApellidos\tFecha de nacimiento\tCorreo electrónico\tMóvil\tCiudad\tFee\tFecha alta\tObservaciones"
    return written(folder / "socios.tsv", f"{head}\n" + rows(records, "\t"), "utf-16")


def events(folder: Path) -> Path:
    fake, draw = people("en_US", 7)
    lines = [
        json.dumps({
            "uuid": fake.uuid4(), "title": fake.catch_phrase(), "startsAt": fake.date_time().isoformat(),
            "clientIp": fake.ipv4(), "payload": {"room": n}, "attendees": draw.randint(1, 90),
            "homepage": f"https://events.example/{n}",
        })
        for n in range(RECORDS)
    ]  # fmt: skip
    return written(folder / "events.json", "\n".join(lines))


def readings(folder: Path) -> Path:
    fake, draw = people("en_US", 8)
    records = [
        [
            f"S-{n % 5}", fake.date_time_between("-1y").strftime("%Y-%m-%d %H:%M:%S"), f"{draw.random() * 30:.2f}",
            draw.choice(["NA", f"{draw.random() * 100:.1f}"]), draw.choice(["true", "false"]),
        ]
        for n in range(RECORDS)
    ]  # fmt: skip
    text = "# logger 2.1\n# site: north\nsensor_id||ts||temp||humidity||valid\n" + rows(records, "||")
    return written(folder / "sensor.log", text)


def patients_pl(folder: Path) -> Path:
    fake, draw = people("pl_PL", 9)
    records = [
        [
            f"P{5000 + n}", fake.first_name(), fake.last_name(), fake.date_of_birth(minimum_age=1).strftime("%d.%m.%Y"),
            draw.choice("MF"), f"{draw.random() * 60 + 40:.1f}".replace(".", ","),
            fake.date_time_between("-2y", "-1d").strftime("%d.%m.%Y %H:%M"), draw.choice(["1", "0"]), fake.name(),
        ]
        for n in range(RECORDS)
    ]  # fmt: skip
    head = "Patient No;First Name;Surname;DOB;Sex;Weight;Admission;Insured;Physician"
    return written(folder / "pacjenci.csv", f"{head}\r\n" + rows(records, end="\r\n"), "cp1250")


def books_de(folder: Path) -> Path:
    fake, draw = people("de_DE", 10)
    records = [
        [
            f"978{draw.randint(10**9, 10**10 - 1)}", f"Die Kunst des {fake.last_name()}", fake.name(), fake.company(),
            draw.randint(1950, 2023), german(draw.random() * 60 + 5), draw.choice(["J", "N"]),
        ]
        for n in range(RECORDS)
    ]  # fmt: skip
    head = ["ISBN", "Titel", "Verfasser", "Verlag", "Jahr", "Preis", "Ausgeliehen"]
    return written(folder / "BUECHER.TXT", rows([head], "\t", '"') + rows(records, "\t", '"'), "cp850")


def tickets_uk(folder: Path) -> Path:
    fake, draw = people("en_GB", 11)
    records = []
    for n in range(RECORDS):
        opened = fake.date_time_between("-2y", "-30d")
        closed = draw.choice(["", opened.strftime("%d/%m/%Y 18:30")])
        records.append([
            f"T-{n + 1}", fake.sentence(4), f'He said ""no"", then, {fake.word()}', draw.choice(["Low", "Normal", "High", "URGENT"]),
            opened.strftime("%d/%m/%Y %H:%M"), closed, f"agent{n % 4}", f"C{draw.randint(1, 40):04}",
            draw.choice(["Yes", "No"]), draw.randint(1, 5),
        ])  # fmt: skip
    head = [
        "Ticket Ref",
        "Subject",
        "Description",
        "Priority",
        "Opened",
        "Closed",
        "Assignee",
        "Customer No",
        "Resolved",
        "Satisfaction",
    ]
    return written(folder / "tickets.csv", rows([head], ",", '"') + rows(records, ",", '"'))


def accounts_ch(folder: Path) -> Path:
    fake, draw = people("de_CH", 12)
    records = [
        [
            f"CH{draw.randint(10**18, 10**19 - 1)}", fake.name(), f"{draw.random() * 90000:,.2f}".replace(",", "'"), "CHF",
            fake.date_between("-20y", "-1y").strftime("%d.%m.%y"), draw.choice(["X", ""]),
        ]
        for n in range(RECORDS)
    ]  # fmt: skip
    head = "IBAN;Kontoinhaber;Saldo;Währung;Eröffnet am;Gesperrt"
    return written(folder / "konten.csv", f"{head}\n{rows(records)}", "cp1252")


Writer = Callable[[Path], Path]
