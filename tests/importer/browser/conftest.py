"""People and addresses of the pages of an import."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client
from django.urls import reverse

from cortex.models import User
from importer.models import DataImportJob
from tests.analytics.browser.conftest import visit
from tests.cortex.factories import UserFactory

__all__ = ["visit"]  # a fixture
Staff = Callable[..., Client]


def at(page: str, job: DataImportJob | int) -> str:
    """Return the address of a page of a job."""
    return reverse(f"admin:importer_import_{page}", args=[job if isinstance(job, int) else job.pk])


def text_of(answer: Any) -> str:
    assert answer.status_code == 200, answer
    return " ".join(answer.content.decode().split())


@pytest.fixture
def admin(client: Client) -> Client:
    client.force_login(UserFactory(email="ann@example.com", is_staff=True, is_superuser=True))
    return client


@pytest.fixture
def staff() -> Staff:
    """Make a client of a person with these rights."""

    def make(*rights: str) -> Client:
        user = UserFactory(is_staff=True)
        user.user_permissions.set(Permission.objects.filter(codename__in=rights))
        client = Client()
        client.force_login(user)
        return client

    return make


@pytest.fixture
def person() -> Client:
    User.objects.create_user("consultant@example.com", "x")
    admin = User.objects.create_superuser("admin@example.com", "x")
    client = Client()
    client.force_login(admin)
    return client


@pytest.fixture
def media(folder: Path, settings: Any) -> Path:
    """The folder that uploads go to."""
    path = folder / "media"
    storage = {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": {"location": str(path)}}
    settings.STORAGES = settings.STORAGES | {"default": storage}
    return path


@pytest.fixture
def no_worker() -> Iterator[None]:
    """Empty procrastinate's tables, which Django does not manage."""
    empty_queue()
    yield
    empty_queue()


def empty_queue() -> None:
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE procrastinate_jobs, procrastinate_workers CASCADE")


@pytest.fixture
def worker(no_worker: None) -> None:
    """A worker that has just been heard of."""
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO procrastinate_workers DEFAULT VALUES")
