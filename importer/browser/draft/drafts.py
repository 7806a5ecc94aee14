"""Keeps what a person has chosen so far for a file: nothing is chosen twice, and no two tabs overwrite each other."""

import functools
from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.contrib.admin import AdminSite
from django.core.files.base import File
from django.db import models
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect

from importer.browser.draft.snapshot import snapshot_of
from importer.browser.frame import address
from importer.browser.targets import target_of
from importer.exceptions import DraftChanged, ImporterError, MappingRefused
from importer.jobs import keep_upload, refuse_enormous, upload_name
from importer.models import ImportDraft, ImportMapping
from importer.privacy.retention import delete_upload_of
from importer.rights import may_view
from importer.specs.compile import compile_mapping
from importer.specs.stored import build_spec
from importer.suggest.file.file_guess import Asked
from importer.suggest.mapping import asked_by, refuse_misfit
from importer.suggest.suggestion import Suggestion, suggest

STEPS = (("file", "File"), ("columns", "Columns"), ("values", "Values"), ("check", "Check"))
View = Callable[..., HttpResponse]


def make_draft(
    user: Any, model: type[models.Model], upload: File, by: ImportMapping | None = None
) -> ImportDraft:
    """Store an upload, and guess how it fills the model; or read it `by` a mapping.

    Raises SourceRefused, and MappingRefused for a file that the mapping does not fit.
    """
    refuse_enormous(upload)
    draft = ImportDraft(
        target=model._meta.label_lower,
        source=keep_upload(upload_name(upload), upload),
        filename=str(upload.name or "file")[:255],
        created_by=user,
    )
    try:
        draft.asked = asked_by(by) if by else {}
        guess_into(draft, model, user)
        if by:
            refuse_misfit(by, draft.guess["columns"])
            draft.options, draft.mapping_name = by.options, by.name
    except ImporterError:
        delete_upload_of(draft)
        raise
    draft.save()
    return draft


def suggestion_of(draft: ImportDraft, model: type[models.Model], user: Any) -> Suggestion:
    """Guess anew, with what the person has said of the file. Raises SourceRefused."""
    earlier = ImportMapping.objects.filter(model=model._meta.label, created_by=user).order_by("-pk").first()
    may_ask = functools.partial(may_view, user)
    return suggest(draft.source, model, earlier, Asked(**draft.asked), may_ask)


def guess_into(draft: ImportDraft, model: type[models.Model], user: Any) -> None:
    """Put what is guessed into the draft, which the caller stores. What was chosen for columns is forgotten."""
    suggestion = suggestion_of(draft, model, user)
    draft.guess = snapshot_of(suggestion)
    draft.options = suggestion.spec_options()
    draft.checked = None


def screen(step: str) -> Callable[[View], View]:
    """Make a function the screen of a step: of a draft of the person's own, whose model they may still import into.

    A form must come from the draft as it is now. What the importer refuses is said in one line: on the same screen if
    it was sent there, else on that of the columns, where a mapping that is not complete is put right.
    """

    def decorate(view: View) -> View:
        @functools.wraps(view)
        def inner(site: AdminSite, request: HttpRequest, draft_id: int) -> HttpResponse:
            draft = ImportDraft.objects.filter(pk=draft_id, created_by=request.user.pk).first()
            target = target_of(request.user, draft.target) if draft else None
            if draft is None or target is None:
                raise Http404
            is_form = request.method == "POST"
            try:
                if is_form and request.POST.get("version") != str(draft.version):
                    raise DraftChanged
                return view(site, request, draft, target.model)
            except DraftChanged as reason:
                messages.warning(request, str(reason))
            except ImporterError as reason:
                messages.error(request, str(reason))
            return redirect(address(site, step if is_form else "columns", draft.pk))

        return inner

    return decorate


def verify(draft: ImportDraft, model: Any) -> None:
    """Raise MappingRefused if what was chosen makes no mapping, or leaves a required field empty."""
    spec = build_spec(model._meta.label, draft.options, name=draft.filename)
    compile_mapping(spec, draft.guess["columns"], draft.options.get("dialect", {}))


def steps_of(site: AdminSite, draft: ImportDraft, current: str) -> list[dict[str, Any]]:
    """Return the steps. Those before the current one have addresses; a link forward would lose what is not sent yet."""
    names = [step for step, _ in STEPS]
    return [
        {
            "name": name,
            "address": address(site, step, draft.pk) if names.index(step) < names.index(current) else "",
            "is_current": step == current,
        }
        for step, name in STEPS
    ]


def text_in(request: HttpRequest, name: str, longest: int) -> str:
    """Return a text of a form without the blanks around it, cut to its longest. Raises MappingRefused for a NUL."""
    text = request.POST.get(name, "").strip()[:longest]
    if "\0" in text:
        raise MappingRefused(f'The text "{text[:40]}" has a NUL character in it; remove it.')
    return text
