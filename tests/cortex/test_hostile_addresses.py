"""Addresses of admin lists that a person with a view right may type: no server errors, and no slow queries."""

import time

import pytest
from django.contrib.admin.views.main import ERROR_FLAG
from django.test import Client
from django.utils import timezone

from cortex.models import Pov, User
from tests.analytics.events import login_event
from tracking.models import LoginEvent

pytestmark = pytest.mark.django_db(transaction=True)
LISTS = (
    "tracking/loginevent", "tracking/activitylog", "tracking/usersession", "tracking/securityalert", "cortex/user",
    "cortex/pov", "cortex/trr", "socialaccount/socialaccount", "importer/dataimportjob", "importer/stagingrecord",
    "importer/importchunk", "importer/migrationlog",
)  # fmt: skip
COLUMNS = (
    "identifier", "device_type", "end_reason", "kind", "email", "status", "provider", "title", "ip_address",
    "timestamp", "created_at", "evidence", "metadata", "raw", "user", "id", "owner", "password", "user__password",
)  # fmt: skip
LOOKUPS = {
    "": "%00", "__exact": "%00", "__regex": "(((", "__year": "-1", "__in": "%00,x", "__gte": "x", "__isnull": "x",
    "__x": "y", "__id__exact": "%00", "__day": "99999999999999999999",
}  # fmt: skip


@pytest.fixture
def admin() -> Client:
    client = Client(raise_request_exception=False)
    client.force_login(User.objects.create_superuser("root@example.com", "x"))
    return client


@pytest.mark.parametrize("path", LISTS)
def test_no_address_of_a_list_is_an_error_of_the_server(admin: Client, path: str) -> None:
    Pov.objects.create(title="One", owner=User.objects.get())
    wrong = []
    for column in COLUMNS:
        for lookup, value in LOOKUPS.items():
            address = f"/admin/{path}/?{column}{lookup}={value}"
            if (status := admin.get(address).status_code) not in (200, 302, 400):
                wrong.append(f"{status} {address}")

    assert wrong == []


@pytest.mark.parametrize("path", ["tracking/loginevent", "cortex/pov", "cortex/user"])
@pytest.mark.parametrize("lookup", ["regex", "iregex", "icontains"])
def test_no_address_makes_the_database_search_for_patterns(admin: Client, path: str, lookup: str) -> None:
    agent = "a" * 250 + "b" + "c" * 250
    LoginEvent.objects.bulk_create([login_event(timezone.now(), user_agent=agent)])
    began = time.monotonic()

    for column in ("user_agent", "title", "first_name"):
        answer = admin.get(
            f"/admin/{path}/", {f"{column}__{lookup}": r"^([ac]+)([ac]*)([ac]*)([ac]*)b\1\2\3\4$"}
        )

        assert answer.status_code in (302, 400)
        assert answer.status_code == 400 or ERROR_FLAG in answer.headers["Location"]
    assert time.monotonic() - began < 5


def test_the_lists_own_filters_go_on(admin: Client) -> None:
    for address in (
        "tracking/loginevent/?success__exact=1&timestamp__gte=2026-01-01+00%3A00%3A00%2B00%3A00",
        "tracking/usersession/?ended_at__isempty=1",
        "cortex/pov/?status__exact=draft&created_at__gte=2026-01-01+00%3A00%3A00%2B00%3A00",
        "cortex/user/?is_staff__exact=1&groups__id__exact=1",
    ):
        assert admin.get(f"/admin/{address}").status_code == 200, address
