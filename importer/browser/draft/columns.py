"""The screen of the columns: which field each fills, how it is read, and what tells rows apart."""

from typing import Any

from django.contrib.admin import AdminSite
from django.db import router
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from importer.browser.draft.drafts import screen, steps_of, suggestion_of, text_in, verify
from importer.browser.frame import address, only, page
from importer.exceptions import MappingRefused
from importer.models import ImportDraft
from importer.rights import may_view
from importer.specs.offered import offered_fields
from importer.suggest.fields.pairs import Pair, judge
from importer.suggest.values.columns import ColumnProfile

CONFLICTS = (
    ("reject", "reject the record"),
    ("skip", "leave the row as it is"),
    ("update", "change the row"),
)
# Words in one line of a form.
MOST_WORDS, LONGEST_WORD = 50, 60
LONGEST_CONSTANT, LONGEST_NAME = 400, 200
# Columns that the form has; Django takes a thousand fields. Of more, those that fill a field are among them.
MOST_ROWS = 400


@only("GET", "HEAD", "POST")
@screen("columns")
def show(site: AdminSite, request: HttpRequest, draft: ImportDraft, model: Any) -> HttpResponse:
    if request.method == "POST":
        options, name = _chosen(draft, model, request), text_in(request, "name", LONGEST_NAME)
        draft.change(options=options, checked=None, mapping_name=name)
        _refuse_unfilled_key(request.POST.get("key", ""), options)
        verify(draft, model)
        return redirect(address(site, "values", draft.pk))
    return page(
        site,
        request,
        "columns.html",
        title=draft.filename,
        steps=steps_of(site, draft, "columns"),
        draft=draft,
        rows=(rows := rows_of(draft, model)),
        more=len(draft.guess["fields"]) - len(rows),
        unfilled=_unfilled(draft, model),
        key=key_choices(draft, model),
        conflicts=[
            (value, told, value == draft.options.get("on_conflict", "reject")) for value, told in CONFLICTS
        ],
        nulls=", ".join(filter(None, draft.options.get("null_values", []))),
    )


def field_of(draft: ImportDraft, column: str) -> str:
    """Return the field that a column fills; "" for none."""
    fields = {given.get("column", name): name for name, given in draft.options.get("fields", {}).items()}
    lookups = {c: name for name, given in draft.options.get("lookups", {}).items() for c in given["columns"]}
    return (fields | lookups).get(column, "")


def rows_of(draft: ImportDraft, model: Any) -> list[dict[str, Any]]:
    """Return a row for each column of the file: what is in it, what it fills, and the choices."""
    fields = offered_fields(model)
    rows: list[dict[str, Any]] = []
    for number, column in enumerate(draft.guess["fields"]):
        chosen = field_of(draft, column["column"])
        is_guessed = chosen == column["field"]
        rows.append(
            column
            | {
                "number": number,
                "choices": [(f.name, _label(f), f.name == chosen) for f in fields],
                "chosen": chosen,
                "told": column["evidence"] if is_guessed else "as you chose",
                "is_doubtful": is_guessed and (column["confidence"] == "doubtful" or bool(column["doubts"])),
                "doubts": column["doubts"] if is_guessed else [],
                "readings": _reading_choices(draft, column) if is_guessed else [],
            }
        )
    if len(rows) > MOST_ROWS:
        rows.sort(key=lambda row: not row["chosen"])
        rows = sorted(rows[:MOST_ROWS], key=lambda row: row["number"])
    return rows


def key_choices(draft: ImportDraft, model: Any) -> list[tuple[str, str, bool]]:
    """Return the fields that may tell rows apart: the unique ones first, which may still have to be filled."""
    filled = {*draft.options.get("fields", {}), *draft.options.get("lookups", {})}
    chosen = tuple(draft.options.get("key", ()))
    offered = (f for f in offered_fields(model) if f.name in filled or f.unique)
    fields = sorted(offered, key=lambda f: not f.unique)
    choices = [(f.name, f"{_label(f)}{' (unique)' if f.unique else ''}", chosen == (f.name,)) for f in fields]
    if len(chosen) > 1:
        choices.insert(0, (",".join(chosen), " and ".join(chosen), True))
    return choices


def _refuse_unfilled_key(key: str, options: dict[str, Any]) -> None:
    if key and "key" not in options:
        raise MappingRefused(
            f'No column fills "{key}", which is to tell rows apart; choose its column, or another.'
        )


def _unfilled(draft: ImportDraft, model: Any) -> list[dict[str, Any]]:
    """Return the required fields that no column fills. Most of them can have one value for all records."""
    filled = {*draft.options.get("fields", {}), *draft.options.get("lookups", {})}
    offered = {field.name: field for field in offered_fields(model)}
    return [
        {
            "name": name,
            "label": _label(offered[name]) if name in offered else name,
            "is_offered": name in offered,
            "takes_value": name in offered and not offered[name].is_relation,
            "value": draft.options.get("constants", {}).get(name, ""),
        }
        for name in (each["field"] for each in draft.guess["unfilled"])
        if name not in filled
    ]


def _chosen(draft: ImportDraft, model: Any, request: HttpRequest) -> dict[str, Any]:
    """Return the options as the form has them. What was not changed keeps its reading."""
    offered = {field.name: field for field in offered_fields(model)}
    old_fields, old_lookups = draft.options.get("fields", {}), draft.options.get("lookups", {})
    fields: dict[str, Any] = {}
    lookups: dict[str, Any] = {}
    profiles: dict[str, ColumnProfile] = {}
    for number, column in enumerate(draft.guess["fields"]):
        name = request.POST.get(f"field-{number}", "")
        if name not in offered or name in fields or name in lookups:
            continue
        if name == field_of(draft, column["column"]):
            given, into = (old_lookups[name], lookups) if name in old_lookups else (old_fields[name], fields)
            into[name] = _read_as(column, given, request.POST.get(f"reading-{number}", ""))
            continue
        profiles = profiles or {
            m.column.name: m.column for m in suggestion_of(draft, model, request.user).matches
        }
        _add_new(profiles[column["column"]], offered[name], request.user, fields, lookups)
    key = [name for name in request.POST.get("key", "").split(",") if name in fields or name in lookups]
    conflicts = [value for value, _ in CONFLICTS]
    on_conflict = conflict if (conflict := request.POST.get("on_conflict", "")) in conflicts else "reject"
    kept = {
        name: draft.options[name]
        for name in ("format", "encoding", "sheet", "dialect")
        if name in draft.options
    }
    nulls = words_of(text_in(request, "nulls", MOST_WORDS * (LONGEST_WORD + 2)))
    constants = {
        each["name"]: text
        for each in _unfilled(draft, model)
        if each["takes_value"] and each["name"] not in fields
        if (text := text_in(request, f"constant-{each['name']}", LONGEST_CONSTANT))
    }
    return kept | {
        **({"constants": constants} if constants else {}),
        "fields": fields,
        "lookups": lookups,
        **({"null_values": ["", *nulls]} if nulls else {}),
        **({"key": key, "on_conflict": on_conflict} if key else {}),
    }


def _readings(column: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """Return how a column may be read, as words and options: as guessed, and otherwise. None if there is no doubt."""
    others = [(r["evidence"], r["options"]) for doubt in column["doubts"] for r in doubt["readings"]]
    return [("as guessed", column.get("options", {})), *others] if others else []


def _reading_choices(draft: ImportDraft, column: dict[str, Any]) -> list[tuple[str, str, bool]]:
    """Return the choices of a form, with the present one. What a repair has changed may be none of them."""
    readings = _readings(column)
    given = draft.options.get("fields", {}).get(column["field"], {})
    chosen = [told for told, options in readings if _is_read_as(given, options, readings)][:1]
    choices = [(str(place), told, [told] == chosen) for place, (told, _) in enumerate(readings)]
    return choices if chosen or not choices else [("", "as it is now", True), *choices]


def _read_as(column: dict[str, Any], given: dict[str, Any], chosen: str) -> dict[str, Any]:
    """Return the options of a column with the reading that was chosen instead of the present one."""
    readings = _readings(column)
    if chosen not in map(str, range(len(readings))):
        return given
    _, options = readings[int(chosen)]
    if _is_read_as(given, options, readings):
        return given
    names = _names(readings)
    kept = {name: value for name, value in given.items() if name not in names}
    return kept | {name: value for name, value in options.items() if name in names}


def _is_read_as(
    given: dict[str, Any], options: dict[str, Any], readings: list[tuple[str, dict[str, Any]]]
) -> bool:
    return all(given.get(name) == options.get(name) for name in _names(readings))


def _names(readings: list[tuple[str, dict[str, Any]]]) -> set[str]:
    """Return the names of the options in which the readings differ."""
    names = {name for _, options in readings for name in options}
    return {name for name in names if any(o.get(name) != readings[0][1].get(name) for _, o in readings)}


def _add_new(
    profile: ColumnProfile, field: Any, user: Any, fields: dict[str, Any], lookups: dict[str, Any]
) -> None:
    """Add a column that the person gave another field, read as its values suggest."""
    alias = router.db_for_write(field.model)
    judged = judge(Pair(profile, field, 1.0, "as you chose"), alias, lambda model: may_view(user, model))
    if field.is_relation:
        to = judged.reference.value.to if judged and judged.reference else "pk"
        lookups[field.name] = {"columns": [profile.name], "to": [to]}
    else:
        fields[field.name] = {"column": profile.name} | (judged.options.as_json() if judged else {})


def words_of(text: str) -> list[str]:
    """Return the words of a line, with commas between them. An empty cell means nothing without being named."""
    words = [word.strip()[:LONGEST_WORD] for word in text.split(",")[:MOST_WORDS]]
    return list(filter(None, dict.fromkeys(words)))


def _label(field: Any) -> str:
    return str(field.verbose_name)[:1].upper() + str(field.verbose_name)[1:]
