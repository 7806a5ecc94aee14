"""The screen of the values: words of the file to choices, and how rows of other models are found."""

from typing import Any

from django.contrib.admin import AdminSite
from django.db import models, router
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from importer.browser.draft.drafts import screen, steps_of, verify
from importer.browser.frame import address, only, page
from importer.models import ImportDraft
from importer.rights import may_view
from importer.specs.offered import is_sensitive

MISSING = (("reject", "reject the record"), ("null", "leave it empty"))
# Values that are asked for by the database, and shown.
MOST_ASKED, MOST_SHOWN = 200, 100


@only("GET", "HEAD", "POST")
@screen("values")
def show(site: AdminSite, request: HttpRequest, draft: ImportDraft, model: Any) -> HttpResponse:
    if request.method == "POST":
        draft.change(options=_chosen(draft, model, request), checked=None)
        verify(draft, model)
        return redirect(address(site, "check", draft.pk))
    verify(draft, model)
    choices, references = choices_of(draft, model), references_of(draft, model, request.user)
    if not choices and not references:
        return redirect(address(site, "check", draft.pk))
    return page(
        site,
        request,
        "values.html",
        title=draft.filename,
        steps=steps_of(site, draft, "values"),
        draft=draft,
        choices=choices,
        references=references,
    )


def choices_of(draft: ImportDraft, model: Any) -> list[dict[str, Any]]:
    """Return the filled fields with choices, each with the words of the file and the choice that they mean."""
    found = []
    for place, (name, given) in enumerate(sorted(draft.options.get("fields", {}).items())):
        field = model._meta.get_field(name)
        if not field.choices:
            continue
        labels = {str(value): str(label) for value, label in field.flatchoices}
        meant = given.get("values", {})
        words = [
            {
                "place": number,
                "word": word,
                "number": count,
                "choices": [(v, label, v == (meant.get(word) or word)) for v, label in labels.items()],
                "is_doubtful": (meant.get(word) or word) not in labels,
            }
            for number, (word, count) in enumerate(values_in(draft, given.get("column", name)))
        ]
        found.append({"place": place, "field": name, "label": field.verbose_name, "words": words})
    return found


def references_of(draft: ImportDraft, model: Any, user: Any) -> list[dict[str, Any]]:
    """Return the filled references: by which field of the other model rows are found, and which values are not."""
    found = []
    for name, given in sorted(draft.options.get("lookups", {}).items()):
        field = model._meta.get_field(name)
        parent = field.related_model
        values = values_in(draft, given["columns"][0])
        to = given["to"][0]
        is_seen = may_view(user, parent)
        lost = not_found(parent, to, [word for word, _ in values]) if is_seen else []
        found.append(
            {
                "field": name,
                "label": field.verbose_name,
                "parent": parent._meta.verbose_name,
                "ways": [(f.name, f.verbose_name, f.name == to) for f in _ways(parent)],
                "missing": _missing(field, given.get("missing", "reject")),
                "lost": lost[:MOST_SHOWN],
                "asked": min(len(values), MOST_ASKED),
                "is_seen": is_seen,
            }
        )
    return found


def _missing(field: Any, chosen: str) -> list[tuple[str, str, bool]]:
    return [(value, told, value == chosen) for value, told in MISSING if value != "null" or field.null]


def values_in(draft: ImportDraft, column: str) -> list[tuple[str, int]]:
    """Return the values of a column in the sample, with their numbers, the most frequent first."""
    values: list[Any] = next((c["values"] for c in draft.guess["fields"] if c["column"] == column), [])
    return [(word, number) for word, number in values]


def not_found(parent: type[models.Model], to: str, words: list[str]) -> list[str]:
    """Return the words that name no row of a model."""
    field: Any = parent._meta.pk if to == "pk" else parent._meta.get_field(to)
    keys: dict[Any, str] = {}
    lost = []
    for word in words[:MOST_ASKED]:
        try:
            keys[field.to_python(word.strip())] = word
        except Exception:  # a field of the site's may raise anything for what it cannot read
            lost.append(word)
    rows = parent._base_manager.using(router.db_for_read(parent)).filter(**{f"{field.name}__in": list(keys)})
    there = {str(key) for key in rows.values_list(field.name, flat=True)}
    return lost + [word for key, word in keys.items() if str(key) not in there]


def _ways(parent: type[models.Model]) -> list[Any]:
    fields: list[Any] = [
        f for f in parent._meta.concrete_fields if not f.is_relation and not is_sensitive(f.name)
    ]
    unique = [f for f in fields if f.unique]
    named = [f for f in fields if f.name in ("code", "name", "slug", "title", "email") and not f.unique]
    return [*unique, *named]


def _chosen(draft: ImportDraft, model: Any, request: HttpRequest) -> dict[str, Any]:
    fields, lookups = dict(draft.options.get("fields", {})), dict(draft.options.get("lookups", {}))
    for each in choices_of(draft, model):
        allowed = {value for word in each["words"] for value, _, _ in word["choices"]}
        values = {
            word["word"]: chosen
            for word in each["words"]
            if (chosen := request.POST.get(f"choice-{each['place']}-{word['place']}", "")) in allowed
            and chosen != word["word"]
        }
        shown = {word["word"] for word in each["words"]}
        others = {k: v for k, v in fields[each["field"]].get("values", {}).items() if k not in shown}
        given = {key: value for key, value in fields[each["field"]].items() if key != "values"}
        fields[each["field"]] = given | ({"values": others | values} if others or values else {})
    for each in references_of(draft, model, request.user):
        to, missing = (request.POST.get(f"{what}-{each['field']}", "") for what in ("to", "missing"))
        if to in {name for name, _, _ in each["ways"]}:
            lookups[each["field"]] = lookups[each["field"]] | {"to": [to]}
        if missing in {value for value, _, _ in each["missing"]}:
            lookups[each["field"]] = lookups[each["field"]] | {"missing": missing}
    return draft.options | {"fields": fields, "lookups": lookups}
