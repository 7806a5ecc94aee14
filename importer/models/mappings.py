"""Defines what people make in the browser: drafts, and the mappings that come of them."""

from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import F
from django.utils import timezone

from importer.exceptions import DraftChanged
from importer.models.jobs import DataImportJob
from importer.naming import index, table


class ImportDraft(models.Model):
    """An import that a person prepares in the browser: a file, and what was chosen for it so far.

    `version` moves with each change, so that of two tabs the later one is told instead of overwriting the other.
    """

    target = models.CharField(max_length=200, help_text="The model to fill: app_label.model.")
    source = models.CharField(max_length=2000)
    filename = models.CharField(max_length=255)
    asked = models.JSONField(default=dict, help_text="What the person has said of the file.")
    guess = models.JSONField(default=dict, help_text="What was guessed, with the reasons.")
    options = models.JSONField(default=dict, help_text="The options of the mapping, as chosen so far.")
    mapping_name = models.CharField(max_length=200, blank=True)
    checked = models.JSONField(null=True, help_text="What the last check has found, and for which options.")
    job = models.ForeignKey(DataImportJob, null=True, on_delete=models.SET_NULL, related_name="+")
    version = models.PositiveIntegerField(default=1)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(default=timezone.now)

    class Meta:
        db_table = table("data_import_drafts")
        default_permissions = ()  # only the person who makes it sees it
        verbose_name = "import draft"
        indexes = [models.Index("created_by", F("updated_at").desc(), name=index("idx_import_drafts_person"))]

    def __str__(self) -> str:
        return f"{self.filename} into {self.target}"

    def change(self, **values: Any) -> None:
        """Store values. Raises DraftChanged, and stores nothing, if the draft was changed since it was read."""
        values |= {"version": self.version + 1, "updated_at": timezone.now()}
        if not type(self).objects.filter(pk=self.pk, version=self.version).update(**values):
            raise DraftChanged
        for name, value in values.items():
            setattr(self, name, value)


class ImportMapping(models.Model):
    """One version of a mapping that people have made: which column fills which field, and how. It never changes.

    A job names it as its spec ("mapping:12"), so a mapping is edited by making its next version.
    """

    name = models.CharField(max_length=200)
    version = models.PositiveIntegerField(default=1)
    model = models.CharField(max_length=200, help_text="The model that it fills: app_label.model.")
    columns = models.JSONField(default=list, help_text="The columns of the file it was made for.")
    options = models.JSONField(default=dict)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    created_at = models.DateTimeField(default=timezone.now)
    used_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = table("data_import_mappings")
        verbose_name = "import mapping"
        constraints = [
            models.UniqueConstraint(fields=["name", "version"], name=index("import_mappings_name_version")),
        ]

    def __str__(self) -> str:
        return f"{self.name} (version {self.version})" if self.version > 1 else self.name

    def save(self, **kwargs: Any) -> None:
        """Save a new version. Raises ValueError for one that is there, because jobs read it."""
        if not self._state.adding:
            raise ValueError("A version never changes; importer.suggest.mapping.keep() makes the next one.")
        super().save(**kwargs)

    @property
    def spec_name(self) -> str:
        """The name of the spec that jobs use."""
        return f"mapping:{self.pk}"
