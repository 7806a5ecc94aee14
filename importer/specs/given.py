"""Reads the parts of a dialect as people give them: options of a command, fields of a form."""

from typing import Any

PARTS = (
    "quote", "escape", "comment", "skip_lines", "footer_lines", "header", "columns", "trailing_delimiter",
    "blank_after_delimiter", "widths",
)  # fmt: skip


def parts_given(options: dict[str, Any]) -> dict[str, Any]:
    """Return the parts of a dialect that were given, by name."""
    parts = {name: options[name] for name in PARTS if options.get(name) is not None}
    for name in ("quote", "escape", "comment"):
        if parts.get(name) == "none":
            parts[name] = None
    if "columns" in parts:
        parts["columns"] = [name.strip() for name in parts["columns"].split(",")]
    if "widths" in parts:
        widths = [width.strip() for width in parts["widths"].split(",")]
        parts["widths"] = [int(width) if width.isdecimal() and len(width) < 9 else width for width in widths]
    return parts
