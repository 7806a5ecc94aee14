from django.apps import AppConfig


class PeopleConfig(AppConfig):
    name = "tests.tracking.hosts.people"
    label = "people"
