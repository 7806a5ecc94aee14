"""Keeps what a person has chosen so far for a file: nothing is chosen twice, and no two tabs overwrite each other."""

import functools
from collections.abc import Callable
from typing import Any

from django.contrib.admin import AdminSite
from django.core.files.base import File
from django.db import models
from django.http import Http404, HttpRequest, HttpResponse

from importer.browser.draft.snapshot import snapshot_of
from importer.browser.frame import address
from importer.browser.targets import target_of
from importer.exceptions import ImporterError
from importer.jobs import keep_upload, refuse_enormous, upload_name
from importer.models import ImportDraft, ImportMapping
from importer.rights import may_view
from importer.suggest.file.file_guess import Asked
from importer.suggest.suggestion import Suggestion, suggest

STEPS = (("file", "File"), ("columns", "Columns"), ("values", "Values"), ("check", "Check"))
CHANGED_ELSEWHERE = "This import was changed in another tab or window; here is what it is now."
View = Callable[..., HttpResponse]


def make_draft(user: Any, model: type[models.Model], upload: File) -> ImportDraft:
    """Store an upload and guess how it fills the model. Raises SourceRefused."""
    refuse_enormous(upload)
    draft = ImportDraft(
        target=model._meta.label_lower,
        source=keep_upload(upload_name(upload), upload),
        filename=str(upload.name or "file")[:255],
        created_by=user,
    )
    guess_into(draft, model, user)
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


def of_own_draft(view: View) -> View:
    """Call a view with the draft and its model, if it is the person's own and they may still import into the model."""

    @functools.wraps(view)
    def checked(site: AdminSite, request: HttpRequest, draft_id: int) -> HttpResponse:
        draft = ImportDraft.objects.filter(pk=draft_id, created_by=request.user.pk).first()
        target = target_of(request.user, draft.target) if draft else None
        if draft is None or target is None:
            raise Http404
        return view(site, request, draft, target.model)

    return checked


def steps_of(site: AdminSite, draft: ImportDraft, current: str) -> list[dict[str, Any]]:
    """Return the steps, each with its address."""
    return [
        {"name": name, "address": address(site, step, draft.pk), "is_current": step == current}
        for step, name in STEPS
    ]


def is_stale(request: HttpRequest, draft: ImportDraft) -> bool:
    """Tell whether the form was made from an earlier version of the draft."""
    return request.POST.get("version") != str(draft.version)


def refusal_of(work: Callable[[], Any]) -> str:
    """Do the work. Returns the reason, in one line, why the importer refuses it; "" if it does not."""
    try:
        work()
    except ImporterError as reason:
        return str(reason)
    return ""
