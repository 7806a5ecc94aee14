from django.apps import AppConfig


class TheirConfig(AppConfig):
    """An app of the site that has had the label all along, as django-oscar's has."""

    name = "tests.sites.hosts.renamed_theirs"
    label = "analytics"
