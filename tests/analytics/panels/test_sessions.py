"""The number of active sessions is exact, or says that there are more."""

import datetime as dt

import pytest
from django.test import Client
from django.urls import reverse

from analytics.panels import sessions
from cortex.models import User
from tracking.models import UserSession

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(("most", "shown"), [(26, "<small>25</small>"), (24, "<small>≥ 24</small>")])
def test_where_counting_stops_the_page_says_so(
    client: Client, monkeypatch: pytest.MonkeyPatch, most: int, shown: str
) -> None:
    monkeypatch.setattr(sessions, "MOST_COUNTED", most)
    root = User.objects.create_superuser("root@example.com", "x")
    client.force_login(root)
    UserSession.objects.all().delete()
    later = dt.datetime.now(dt.UTC) + dt.timedelta(days=1)
    UserSession.objects.bulk_create(UserSession(user_id=root.pk, expires_at=later) for _ in range(25))

    page = client.get(reverse("analytics:dashboard")).content.decode()

    assert shown in page
