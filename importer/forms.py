"""Defines the admin's form for a new job, from an uploaded file or a source that the site can read."""

import re
from typing import Any

from django import forms
from django.db import DEFAULT_DB_ALIAS, connections

from importer.exceptions import ImporterError, SourceRefused
from importer.jobs import create_job
from importer.models import DataImportJob, ledger_alias
from importer.rights import sees_every_job, specs_for
from importer.sources.globs import expand, is_pattern
from importer.sources.names import is_table, split_table
from importer.sources.remote.uploads import is_upload, refuse_uploads_of_others
from importer.specs.dialect import parts_given

SOURCE_HELP = (
    "A file below the source roots, a pattern such as exports/2021-*.csv, s3://BUCKET/KEY, storage:ALIAS/NAME or "
    "db:ALIAS/TABLE."
)
# System catalogues of PostgreSQL, MySQL and SQLite. They hold accounts and rights, among others.
CATALOGUES = ("pg_", "information_schema.", "mysql.", "performance_schema.", "sys.", "sqlite_")
BY_ITS_NAME = [("", "guess from the name")]
# Fields of the form in the admin's sections. The second one holds what most files do not need.
BASICS = ("spec", "source", "upload", "name", "format", "encoding", "delimiter", "sheet")
DIALECT = (
    "quote", "escape", "comment", "skip_lines", "footer_lines", "no_header", "columns", "trailing_delimiter",
    "blank_after_delimiter", "widths",
)  # fmt: skip
# Which field a refusal is about. `create_job` says the same to the command line.
ABOUT = [
    (re.compile(pattern), field)
    for pattern, field in (
        (r'Invalid (delimiter|quote|escape|comment|skip_lines|footer_lines) "', ""),
        (r"is a workbook, which has no (.+); leave it out", ""),
        (r"^(Invalid width|Fields of fixed widths|There are .* widths and)", "widths"),
        (
            r"^(Columns are named|A file without a header|A name of a column|The column .* is named)",
            "columns",
        ),
        (r"^Unknown encoding|is not a text encoding", "encoding"),
        (r"does not tell the format|its format cannot be", "format"),
        (r"has no sheets", "sheet"),
        (r"^The name .* has .* characters", "name"),
    )
]


class FilesInput(forms.ClearableFileInput):
    allow_multiple_selected = True


class FilesField(forms.FileField):
    """Takes several files. Their value is a list, empty without files."""

    widget = FilesInput

    def clean(self, data: Any, initial: Any = None) -> Any:
        files = data if isinstance(data, list | tuple) else [data]
        return [super(FilesField, self).clean(file, initial) for file in files if file]


def mark_field(help_text: str) -> forms.CharField:
    """Return the field of a mark, which may be a blank or a tab."""
    return forms.CharField(required=False, strip=False, max_length=40, help_text=help_text)


class NewJobForm(forms.ModelForm):
    spec = forms.ChoiceField(help_text="The import spec: which model the records fill, and how.")
    upload = FilesField(
        required=False,
        help_text="Or upload a file instead of naming a source. Several files are read as one source.",
    )
    format = forms.ChoiceField(choices=BY_ITS_NAME + DataImportJob.Format.choices, required=False)
    encoding = forms.CharField(initial="utf-8", max_length=40, help_text="Encoding of a text file.")
    delimiter = mark_field('Delimiter of a CSV file: usually one character, or "tab".')
    sheet = forms.CharField(
        required=False,
        max_length=200,
        help_text="Sheet of a workbook; empty: the first visible one with values.",
    )
    quote = mark_field('The character around fields, or "none". Empty: as the spec says, usually ".')
    escape = mark_field(r"Takes the special meaning from the next character, such as \.")
    comment = mark_field("Lines that begin with this text are passed over.")
    skip_lines = forms.IntegerField(required=False, help_text="Lines to skip before the header.")
    footer_lines = forms.IntegerField(required=False, help_text="Lines to skip at the end.")
    no_header = forms.BooleanField(required=False, help_text="The file has no header; name its columns.")
    columns = forms.CharField(
        required=False,
        widget=forms.TextInput(attrs={"class": "vTextField"}),
        help_text="Names of the columns, with commas between, for a file without a header.",
    )
    trailing_delimiter = forms.BooleanField(required=False, help_text="Each line ends with a delimiter.")
    blank_after_delimiter = forms.BooleanField(
        required=False, help_text="Blanks before a field are not part of it."
    )
    widths = forms.CharField(
        required=False,
        widget=forms.TextInput(attrs={"class": "vTextField"}),
        help_text="Characters of each field, with commas between, for a file of fields with fixed widths.",
    )
    created_by: Any = None  # the user; set by the admin

    class Meta:
        model = DataImportJob
        fields = (*BASICS, *DIALECT)
        help_texts = {"source": SOURCE_HELP, "name": "A name to recognise the job by."}
        widgets = {"source": forms.TextInput(attrs={"class": "vTextField"})}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["source"].required = False
        self.fields["spec"].choices = [(name, name) for name in specs_for(self.created_by)]  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        """Create the job here, so that its errors appear in the form and the input is kept."""
        values = super().clean() or self.cleaned_data
        if self.errors:
            return values
        if bool(values["source"]) == bool(values["upload"]):
            raise forms.ValidationError("Name a source or choose a file, not both.")
        try:
            self.instance = self._created(values)
        except ImporterError as refusal:
            self.add_error(_field_of(str(refusal), "source" if values["source"] else "upload"), str(refusal))
        return values

    def _created(self, values: dict[str, Any]) -> DataImportJob:
        source = values["source"]
        if is_table(source):
            refuse_own_tables(source)
        elif source and not sees_every_job(self.created_by):
            source = without_uploads_of_others(source, self.created_by)
        # An empty field or box was not given: the spec's own dialect counts.
        given = {name: values.get(name) or None for name in DIALECT}
        given["skip_lines"], given["footer_lines"] = values["skip_lines"], values["footer_lines"]
        return create_job(
            values["spec"],
            source,
            upload=values["upload"] or None,
            format=values["format"] or None,
            encoding=values["encoding"],
            delimiter=values["delimiter"],
            dialect=parts_given(given | {"header": False if values["no_header"] else None}),
            sheet=values["sheet"],
            name=values["name"],
            created_by=self.created_by,
        )

    def _post_clean(self) -> None:
        """Do nothing: `create_job` has validated the job, and the form's input must not overwrite it."""

    def save(self, commit: bool = True) -> DataImportJob:
        return self.instance

    def save_m2m(self) -> None:
        """Do nothing: a job has no many-to-many fields."""


def without_uploads_of_others(source: str, user: Any) -> str | list[str]:
    """Return the source, or of a pattern the files that the user may name. Raises SourceRefused."""
    if not is_pattern(source):
        refuse_uploads_of_others(source, user)
        return source
    files = [file for file in expand([source]) if not is_upload(file)]
    if not files:
        raise SourceRefused(f'No file matches "{source}".')
    return files


def refuse_own_tables(source: str) -> None:
    """Refuse the site's own tables: rejected records show all their columns, so a form could read any table.

    Compares database names, because two aliases of one database may be a replica or another account.
    Raises SourceRefused.
    """
    alias, table = split_table(source)
    if table.lower().startswith(CATALOGUES):
        raise SourceRefused(f'The source "{source}" is a system catalogue; name a table of records.')
    own = {connections[own_alias].settings_dict["NAME"] for own_alias in (DEFAULT_DB_ALIAS, ledger_alias())}
    if connections[alias].settings_dict["NAME"] in own:
        raise SourceRefused(
            f'The source "{source}" is a table of the site\'s own database, which this form does not import; '
            "use `manage.py create_import`."
        )


def _field_of(refusal: str, otherwise: str) -> str:
    """Return the field that a refusal is about."""
    for pattern, field in ABOUT:
        if match := pattern.search(refusal):
            return field or match[1].replace(" ", "_")
    return otherwise
