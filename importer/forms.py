"""Defines the admin's form for a new job, from an uploaded file or a source that the site can read."""

from typing import Any

from django import forms
from django.db import DEFAULT_DB_ALIAS, connections

from importer.exceptions import ImporterError, SourceRefused
from importer.jobs import create_job
from importer.models import DataImportJob, ledger_alias
from importer.rights import sees_every_job, specs_for
from importer.sources.names import is_table, split_table
from importer.sources.uploads import refuse_uploads_of_others

SOURCE_HELP = "A file below the source roots, s3://BUCKET/KEY, storage:ALIAS/NAME or db:ALIAS/TABLE."
# System catalogues of PostgreSQL, MySQL and SQLite. They hold accounts and rights, among others.
CATALOGUES = ("pg_", "information_schema.", "mysql.", "performance_schema.", "sys.", "sqlite_")
BY_ITS_NAME = [("", "guess from the name")]


class NewJobForm(forms.ModelForm):
    spec = forms.ChoiceField(help_text="The import spec: which model the records fill, and how.")
    upload = forms.FileField(required=False, help_text="Or upload a file instead of naming a source.")
    format = forms.ChoiceField(choices=BY_ITS_NAME + DataImportJob.Format.choices, required=False)
    encoding = forms.CharField(initial="utf-8", max_length=40, help_text="Encoding of a text file.")
    # Not stripped: the delimiter may be a tab.
    delimiter = forms.CharField(
        required=False, strip=False, help_text='Delimiter of a CSV file: one character, or "tab".'
    )
    sheet = forms.CharField(
        required=False,
        max_length=200,
        help_text="Sheet of a workbook; empty: the first visible one with values.",
    )
    created_by: Any = None  # the user; set by the admin

    class Meta:
        model = DataImportJob
        fields = ("spec", "source", "upload", "name", "format", "encoding", "delimiter", "sheet")
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
        source, upload = values.pop("source"), values.pop("upload")
        if bool(source) == bool(upload):
            raise forms.ValidationError("Name a source or choose a file, not both.")
        try:
            if is_table(source):
                refuse_own_tables(source)
            elif source and not sees_every_job(self.created_by):
                refuse_uploads_of_others(source, self.created_by)
            self.instance = create_job(
                source=source,
                upload=upload,
                created_by=self.created_by,
                **values | {"format": values["format"] or None},
            )
        except ImporterError as refusal:
            raise forms.ValidationError(str(refusal)) from refusal
        return values

    def _post_clean(self) -> None:
        """Do nothing: `create_job` has validated the job, and the form's input must not overwrite it."""

    def save(self, commit: bool = True) -> DataImportJob:
        return self.instance

    def save_m2m(self) -> None:
        """Do nothing: a job has no many-to-many fields."""


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
