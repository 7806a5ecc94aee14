"""The first screen: a file for a model, uploaded or pasted; or the spec or mapping that reads it."""

import csv
import io
from typing import Any

from django import forms
from django.contrib.admin import AdminSite
from django.core.files.base import ContentFile
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect

from importer.browser.draft.drafts import make_draft
from importer.browser.frame import address, address_of_job, only, page
from importer.browser.targets import Target, target_of
from importer.exceptions import ImporterError
from importer.jobs import create_job
from importer.models import ImportMapping
from importer.rights import visible_jobs
from importer.specs.offered import offered_fields
from importer.specs.stored import is_stored

# A larger text is uploaded as a file.
MOST_PASTED = 1_000_000
MAPPINGS_SHOWN = 20


class FileForm(forms.Form):
    upload = forms.FileField(
        required=False, label="File", help_text="CSV, Excel, OpenDocument, JSON or Parquet."
    )
    text = forms.CharField(
        required=False,
        strip=False,
        max_length=MOST_PASTED,
        label="Or paste a table",
        widget=forms.Textarea(attrs={"rows": 5, "spellcheck": "false"}),
    )
    way = forms.ChoiceField(required=False, label="Read it by")

    def __init__(self, *args: Any, ways: list[tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["way"].choices = ways  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        values = super().clean() or self.cleaned_data
        text = values.get("text", "").strip("\r\n")
        if not self.errors and bool(values.get("upload")) == bool(text.strip()):
            raise forms.ValidationError("Choose a file, or paste a table.")
        if not self.errors and text.strip():
            ending = "tsv" if "\t" in text.split("\n")[0] else "csv"
            values["upload"] = ContentFile(text.encode(), name=f"pasted.{ending}")
        return values


@only("GET", "HEAD", "POST")
def show(site: AdminSite, request: HttpRequest, label: str) -> HttpResponse:
    target = target_of(request.user, label)
    if target is None:
        raise Http404
    form = FileForm(
        request.POST or None,
        request.FILES or None,
        ways=_ways(request.user, target),
        initial={"way": _way_of(request)},
    )
    if request.method == "POST" and form.is_valid():
        try:
            return redirect(_begun(site, request.user, target, **form.cleaned_data))
        except ImporterError as refusal:
            form.add_error("upload", str(refusal))
    return page(
        site,
        request,
        "begin.html",
        title=f"Import {target.name}",
        form=form,
        template_address=address(site, "template", target.label),
    )


@only("GET", "HEAD")
def template(site: AdminSite, request: HttpRequest, label: str) -> HttpResponse:
    """Send an empty file with the columns that the model takes."""
    target = target_of(request.user, label)
    if target is None:
        raise Http404
    text = io.StringIO()
    csv.writer(text).writerow(field.name for field in offered_fields(target.model) if not field.primary_key)
    response = HttpResponse(text.getvalue(), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{target.model._meta.model_name}.csv"'
    return response


def _way_of(request: HttpRequest) -> str:
    """Return what read the job that the next file is like (`?like=`); "" without one that the person sees."""
    like = request.GET.get("like", "")
    jobs = (
        visible_jobs(request.user).filter(pk=like)
        if like.isascii() and like.isdecimal() and len(like) < 19
        else []
    )
    return next((job.spec for job in jobs), "")


def _ways(user: Any, target: Target) -> list[tuple[str, str]]:
    """Return what may read the file: guesses, a mapping of the person's own, a spec of the site."""
    mappings = ImportMapping.objects.filter(model__iexact=target.label, created_by=user).order_by("-pk")
    named = [m for m in mappings[: 5 * MAPPINGS_SHOWN] if not m.name.startswith("draft ")][:MAPPINGS_SHOWN]
    latest = {mapping.name: mapping for mapping in reversed(named)}
    return [
        ("", "looking at it, column by column"),
        *((mapping.spec_name, f"the mapping “{name}”") for name, mapping in reversed(latest.items())),
        *((spec, f"the site's spec “{spec}”") for spec in target.specs),
    ]


def _begun(site: AdminSite, user: Any, target: Target, *, upload: Any, way: str, **_: Any) -> str:
    """Begin the import. Returns the address where it goes on."""
    if not way:
        return address(site, "file", make_draft(user, target.model, upload).pk)
    mappings = ImportMapping.objects.filter(created_by=user)
    mapping = mappings.filter(pk=way.removeprefix("mapping:")).first() if is_stored(way) else None
    if mapping:
        return address(site, "check", make_draft(user, target.model, upload, by=mapping).pk)
    job = create_job(way, upload=upload, name=str(upload.name)[:200], created_by=user)
    return address_of_job(site, job.pk)
