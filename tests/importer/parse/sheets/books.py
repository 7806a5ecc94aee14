"""Writes workbooks by hand, so that each cell has exactly the XML that a test is about, and reads them."""

import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from importer.models import DataImportJob
from importer.parse.open import open_reader
from importer.records import Position, Rejection

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006/relationships"
TYPES = '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"/>'
PREFIXES = {"office": "office", "table": "table", "text": "text", "style": "style", "draw": "drawing"}
ODS_NAMES = " ".join(
    f'xmlns:{prefix}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"' for prefix, name in PREFIXES.items()
) + ' xmlns:calcext="urn:org:documentfoundation:names:experimental:calc:xmlns:calcext:1.0"'  # fmt: skip


@dataclass(frozen=True)
class Read:
    """What was read: rows with their numbers, and rejections."""

    columns: list[str]
    rows: list[tuple[int, list[str | None]]]
    rejections: list[Rejection]
    notes: list[str]

    @property
    def values(self) -> list[list[str | None]]:
        return [values for _, values in self.rows]

    @property
    def first_column(self) -> list[str | None]:
        return [values[0] for values in self.values]


def read(
    path: Path, *, sheet: str = "", spec: str = "everything", encoding: str = "utf-8", **dialect: Any
) -> Read:
    options = ({"sheet": sheet} if sheet else {}) | ({"dialect": dialect} if dialect else {})
    job = DataImportJob(
        spec=spec, source=str(path), format=path.suffix[1:], encoding=encoding, options=options
    )
    notes: list[str] = []
    reader = open_reader(job, notes=notes)
    rows: list[tuple[int, list[str | None]]] = []
    rejections: list[Rejection] = []
    for part in reader.ranges():
        position = Position(part.start_offset, part.first_line)
        while position.offset < part.end_offset:
            batch = reader.read(position, part, limit=1000)
            rows += zip(batch.lines.to_list(), map(list, batch.texts.iter_rows()), strict=True)
            rejections += batch.rejections
            position = batch.end
    reader.close()
    return Read(reader.columns(), rows, rejections, notes)


def xlsx(
    path: Path,
    *sheets: str,
    names: tuple[str, ...] = (),
    strings: str | None = None,
    formats: tuple[str, ...] = (),
    workbook: str = "",
    states: dict[str, str] | None = None,
    more: dict[str, str | bytes] | None = None,
) -> Path:
    """Write a workbook of sheets, each the XML within its <sheetData>.

    strings  the XML within <sst>
    formats  codes of number formats; the cells' style 1 has the first one
    """
    names = names or tuple(f"Sheet{number}" for number in range(1, len(sheets) + 1))
    entries = "".join(
        f'<sheet name="{name}" sheetId="{n}" r:id="r{n}" state="{(states or {}).get(name, "visible")}"/>'
        for n, name in enumerate(names, 1)
    )
    relations = "".join(
        f'<Relationship Id="r{n}" Type="{OFFICE}/worksheet" Target="worksheets/sheet{n}.xml"/>'
        for n in range(1, len(sheets) + 1)
    ) + "".join(
        f'<Relationship Id="{kind}" Type="{OFFICE}/{kind}" Target="{kind}.xml"/>'
        for kind in ("styles", "sharedStrings")
    )
    codes = "".join(f'<numFmt numFmtId="{170 + n}" formatCode="{c}"/>' for n, c in enumerate(formats))
    cells = "".join(f'<xf numFmtId="{170 + n}"/>' for n in range(len(formats)))
    parts: dict[str, str | bytes] = {
        "[Content_Types].xml": TYPES,
        "_rels/.rels": f'<Relationships xmlns="{PACKAGE}"><Relationship Id="r" Type="{OFFICE}/officeDocument" '
        'Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{MAIN}" xmlns:r="{OFFICE}">{workbook}<sheets>{entries}</sheets>'
        "</workbook>",
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{PACKAGE}">{relations}</Relationships>',
        "xl/styles.xml": f'<styleSheet xmlns="{MAIN}"><numFmts>{codes}</numFmts>'
        f'<cellStyleXfs><xf numFmtId="14"/></cellStyleXfs><cellXfs><xf numFmtId="0"/>{cells}</cellXfs></styleSheet>',
        "xl/sharedStrings.xml": f'<sst xmlns="{MAIN}">{strings or ""}</sst>',
    }
    for number, sheet in enumerate(sheets, 1):
        data = (
            sheet
            if sheet.startswith("<worksheet")
            else f'<worksheet xmlns="{MAIN}"><sheetData>{sheet}</sheetData></worksheet>'
        )
        parts[f"xl/worksheets/sheet{number}.xml"] = data
    return packed(path, parts | (more or {}))


def ods(path: Path, *tables: str, styles: str = "", more: dict[str, str | bytes] | None = None) -> Path:
    """Write a workbook of tables, each the XML of a <table:table>."""
    content = (
        f"<office:document-content {ODS_NAMES}><office:automatic-styles>{styles}</office:automatic-styles>"
        f"<office:body><office:spreadsheet>{''.join(tables)}</office:spreadsheet></office:body>"
        "</office:document-content>"
    )
    return packed(path, {"content.xml": content} | (more or {}))


def packed(path: Path, parts: dict[str, str | bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in parts.items():
            archive.writestr(name, data)
    return path


def row(number: int, *cells: str) -> str:
    """Return the XML of a row with cells from column A on; a text becomes an inline string."""
    inner = "".join(_cell(f"{chr(65 + column)}{number}", cell) for column, cell in enumerate(cells))
    return f'<row r="{number}">{inner}</row>'


def _cell(reference: str, cell: str) -> str:
    return cell.replace("<c", f'<c r="{reference}"', 1) if cell.startswith("<c") else text(reference, cell)


def text(reference: str, value: str) -> str:
    return f'<c r="{reference}" t="inlineStr"><is><t>{value}</t></is></c>'


def number(value: str, style: int = 0) -> str:
    return f'<c s="{style}"><v>{value}</v></c>'


def table(name: str, *rows: str, style: str = "") -> str:
    return f'<table:table table:name="{name}" table:style-name="{style}">{"".join(rows)}</table:table>'


def table_row(*cells: str, more: str = "") -> str:
    return f"<table:table-row {more}>{''.join(map(_table_cell, cells))}</table:table-row>"


def _table_cell(cell: str) -> str:
    if cell.startswith("<"):
        return cell
    return f'<table:table-cell office:value-type="string"><text:p>{cell}</text:p></table:table-cell>'
