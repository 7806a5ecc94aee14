"""The screen of the file: how it is written, with the reasons, and its first records."""

from typing import Any

from django.contrib import messages
from django.contrib.admin import AdminSite
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from importer.browser.draft.drafts import guess_into, screen, steps_of
from importer.browser.draft.snapshot import PARTS
from importer.browser.frame import address, only, page
from importer.exceptions import ImporterError
from importer.models import ImportDraft
from importer.privacy.retention import delete_upload_of
from importer.suggest.file.dialect import name_of

ENCODINGS = ("utf-8", "cp1252", "iso-8859-1", "utf-16", "mac-roman", "cp850", "cp437")
DELIMITERS = (",", ";", "\t", "|")


@only("GET", "HEAD", "POST")
@screen("file")
def show(site: AdminSite, request: HttpRequest, draft: ImportDraft, model: Any) -> HttpResponse:
    if request.method == "POST" and "discard" in request.POST:
        _discard(draft, request)
        return redirect(address(site, "start"))
    if request.method == "POST":
        _read_as(draft, model, request)
        return redirect(address(site, "file", draft.pk))
    return page(
        site,
        request,
        "file.html",
        title=draft.filename,
        steps=steps_of(site, draft, "file"),
        draft=draft,
        guess=draft.guess,
        encodings=[(name, name == draft.asked.get("encoding")) for name in ENCODINGS],
        delimiters=[(sign, name_of(sign), sign == draft.asked.get("delimiter")) for sign in DELIMITERS],
        sheets=_sheets(draft),
        onward=address(site, "columns", draft.pk),
    )


def _read_as(draft: ImportDraft, model: Any, request: HttpRequest) -> None:
    """Guess again, with what the person has said. Raises SourceRefused."""
    sheets = tuple(name for name, _ in _sheets(draft))
    offered = {"encoding": ENCODINGS, "delimiter": DELIMITERS, "sheet": sheets}
    chosen = {name: request.POST.get(name, "") for name in offered}
    draft.asked = {name: value for name, value in chosen.items() if value in offered[name]}
    guess_into(draft, model, request.user)
    if part := _sheet_part(draft):
        # Only the sheet that was named was read this time.
        part["others"] = [name for name in sheets if name != part["value"]]
    draft.change(asked=draft.asked, guess=draft.guess, options=draft.options, checked=None)


def _sheets(draft: ImportDraft) -> list[tuple[str, bool]]:
    """Return the sheets of a workbook, and which one is read."""
    part = _sheet_part(draft)
    return [(name, name == part["value"]) for name in (part["value"], *part["others"])] if part else []


def _sheet_part(draft: ImportDraft) -> dict[str, Any] | None:
    return next((part for part in draft.guess["parts"] if part["name"] == PARTS["sheet"]), None)


def _discard(draft: ImportDraft, request: HttpRequest) -> None:
    """Delete the draft with its file. Raises ImporterError, and DraftChanged if another tab was faster."""
    draft.change()
    if draft.job:
        raise ImporterError(f"{draft.filename} was imported; undo that instead.")
    delete_upload_of(draft)
    draft.delete()
    messages.success(request, f"{draft.filename} was thrown away. Nothing of it was imported.")
