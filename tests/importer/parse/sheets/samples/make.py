"""Makes the workbooks and CSV files of this folder with LibreOffice: `python make.py`, where `soffice` is installed.

They are committed, so that tests need no LibreOffice. Made by LibreOffice 7.4 (Debian 12, package libreoffice-calc).
"""

import datetime as dt
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import openpyxl

HERE = Path(__file__).parent
# Of the filter "Text - txt - csv": delimiter, quote, encoding, first line, -, language, quote all, detect numbers.
CSV = "csv:Text - txt - csv (StarCalc)"
CSV_FILES = {
    "german.csv": "59,34,ANSI,1,,1031,false,true",
    "quoted.csv": "44,34,UTF8,1,,1033,true,true",
    "utf16.csv": "9,34,65535,1,,1031,false,true",
    "single.csv": "124,39,UTF8,1,,1033,false,true",
}
ROWS: list[list[Any]] = [
    ["Customers of 2024"],
    [],
    ["code", "name", "joined", "called", "worked", "balance", "share", "active", "zip", "sum"],
    ["00123", "Müller; Söhne", dt.date(2024, 2, 29), dt.time(13, 5), dt.timedelta(hours=30), 1234.5, 0.5, True, 1067,
     "=F4*2"],
    ['=CONCATENATE("00","124")', 'say "hi"', dt.datetime(1999, 12, 31, 23, 59, 59), None, None, 12345678901, 0.125,
     False, 80331, "=1/0"],
    ["125", "two\nlines", None, None, None, -0.1, None, None, None, "=NA()"],
    [],
    ["126", "Zoë's", dt.date(1900, 3, 1), dt.time(0, 0, 1), dt.timedelta(minutes=1), 1e-7, 1, True, 1, "=A8"],
    ["Total", 4],
]  # fmt: skip
FORMATS = {3: "dd.mm.yyyy", 4: "hh:mm", 5: "[h]:mm:ss", 6: "#,##0.00", 7: "0%", 9: "00000"}


def main() -> None:
    workbook = openpyxl.Workbook()
    sheet: Any = workbook.active
    sheet.title = "Customers"
    for number, cells in enumerate(ROWS, 1):
        for column, value in enumerate(cells, 1):
            cell = sheet.cell(number, column, value)
            if number > 3 and column in FORMATS and value is not None:
                cell.number_format = FORMATS[column]
    sheet["C5"].number_format = "dd.mm.yyyy hh:mm:ss"
    sheet.merge_cells("A1:C1")
    workbook.create_sheet("Empty")
    workbook.create_sheet("Old").sheet_state = "hidden"
    workbook["Old"]["A1"] = "code"
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "customers.xlsx"
        workbook.save(source)
        for kind in ("xlsx", "ods"):
            convert(source, kind, HERE / f"customers.{kind}")
        for name, options in CSV_FILES.items():
            convert(source, f"{CSV}:{options}", HERE / name)


# The locale decides how numbers are written "as shown".
LOCALE = """<?xml version="1.0"?><oor:items xmlns:oor="http://openoffice.org/2001/registry">
<item oor:path="/org.openoffice.Setup/L10N">
<prop oor:name="ooSetupSystemLocale" oor:op="fuse"><value>{}</value></prop>
</item></oor:items>"""


def convert(source: Path, how: str, target: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        profile, out = Path(folder, "profile"), Path(folder, "out")
        (profile / "user").mkdir(parents=True)
        locale = "de-DE" if ",1031," in how else "en-US"
        (profile / "user" / "registrymodifications.xcu").write_text(LOCALE.format(locale))
        command = ["soffice", f"-env:UserInstallation=file://{profile}", "--headless"]
        subprocess.run([*command, "--convert-to", how, "--outdir", out, source], check=True)
        (made,) = out.iterdir()
        target.write_bytes(made.read_bytes())


if __name__ == "__main__":
    main()
