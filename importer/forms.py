"""The form by which the admin makes a job: of a file that is sent along, or of a source that the site can read."""

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
# Of PostgreSQL, MySQL and SQLite: accounts and rights, among others.
CATALOGUES = ("pg_", "information_schema.", "mysql.", "performance_schema.", "sys.", "sqlite_")
BY_ITS_NAME = [("", "by its name")]


class NewJobForm(forms.ModelForm):
    spec = forms.ChoiceField(help_text="What the records become.")
    upload = forms.FileField(required=False, help_text="Or a file of yours, in place of a source.")
    format = forms.ChoiceField(choices=BY_ITS_NAME + DataImportJob.Format.choices, required=False)
    encoding = forms.CharField(initial="utf-8", max_length=40, help_text="Of a text file.")
    # A tab is not to be stripped.
    delimiter = forms.CharField(
        required=False, strip=False, help_text='Of a CSV file: one character, or "tab".'
    )
    created_by: Any = None  # who makes the job; the admin says so

    class Meta:
        model = DataImportJob
        fields = ("spec", "source", "upload", "name", "format", "encoding", "delimiter")
        help_texts = {"source": SOURCE_HELP, "name": "To know the job by."}
        widgets = {"source": forms.TextInput(attrs={"class": "vTextField"})}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["source"].required = False
        self.fields["spec"].choices = [(name, name) for name in specs_for(self.created_by)]  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        """Here the job is made: what is wrong with it shows beside the form, with what was typed still in it."""
        told = super().clean() or self.cleaned_data
        if self.errors:
            return told
        source, upload = told.pop("source"), told.pop("upload")
        if bool(source) == bool(upload):
            raise forms.ValidationError("Name a source or choose a file: one of them.")
        try:
            if is_table(source):
                refuse_own_tables(source)
            elif source and not sees_every_job(self.created_by):
                refuse_uploads_of_others(source, self.created_by)
            self.instance = create_job(
                source=source,
                upload=upload,
                created_by=self.created_by,
                **told | {"format": told["format"] or None},
            )
        except ImporterError as refusal:
            raise forms.ValidationError(str(refusal)) from refusal
        return told

    def _post_clean(self) -> None:
        """`create_job` has validated already, and what it has made must not be made anew of what was typed."""

    def save(self, commit: bool = True) -> DataImportJob:
        return self.instance

    def save_m2m(self) -> None:
        """There is nothing of the kind."""


def refuse_own_tables(source: str) -> None:
    """Rejected records are shown with all their columns: a form must not be a way to read the site's own tables.

    Raises SourceRefused. Of two aliases with one database the second may be a replica, or another account.
    """
    alias, table = split_table(source)
    if table.lower().startswith(CATALOGUES):
        raise SourceRefused(
            f'The source "{source}" is a catalogue of the database, and not a table of records.'
        )
    own = {connections[known].settings_dict["NAME"] for known in (DEFAULT_DB_ALIAS, ledger_alias())}
    if connections[alias].settings_dict["NAME"] in own:
        raise SourceRefused(
            f'The source "{source}" is a table of the site itself, which may hold what its readers must not see; '
            "whoever may read the database makes such a job with `manage.py create_import`."
        )
