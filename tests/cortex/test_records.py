"""The pages of single POVs and TRRs: for whom they exist, and where they lead."""

import pytest
from django.contrib.auth.models import Permission
from django.test import Client

from cortex.models import User
from tests.cortex.factories import PovFactory, TrrFactory, UserFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def owner(client: Client) -> User:
    user = UserFactory(first_name="Ann", last_name="Lee")
    client.force_login(user)
    return user


def test_a_pov_shows_its_facts_and_leads_to_its_reviews(client: Client, owner: User) -> None:
    pov = PovFactory(
        owner=owner, success_criteria="No <b>alarm</b> lost", deal_value="1234567.5", currency="EUR"
    )
    trr = TrrFactory(pov=pov, title="Logs leave")

    page = client.get(f"/povs/{pov.pk}/").content.decode()

    assert "Ann Lee" in page
    assert "1,234,567.50 EUR" in page
    assert "No &lt;b&gt;alarm&lt;/b&gt; lost" in page
    assert f'<a href="/trrs/{trr.pk}/">Logs leave</a>' in page
    assert ">Edit</a>" not in page


def test_a_review_shows_its_score_and_leads_to_its_pov(client: Client, owner: User) -> None:
    trr = TrrFactory(pov__owner=owner, likelihood=4, impact=5, mitigation="Redact.")

    page = client.get(f"/trrs/{trr.pk}/").content.decode()

    assert "20 of 25" in page
    assert "Redact." in page
    assert f'<a href="/povs/{trr.pov.pk}/">' in page


def test_an_assessor_sees_the_review_and_not_the_pov_of_others(client: Client, owner: User) -> None:
    trr = TrrFactory(assessor=owner)

    page = client.get(f"/trrs/{trr.pk}/").content.decode()

    assert trr.pov.title in page
    assert f'href="/povs/{trr.pov.pk}/"' not in page
    assert client.get(f"/povs/{trr.pov.pk}/").status_code == 404


def test_an_owner_does_not_see_reviews_that_are_not_theirs(client: Client, owner: User) -> None:
    assert client.get(f"/trrs/{TrrFactory().pk}/").status_code == 404
    assert client.get("/povs/999999999999999999999999/").status_code == 404


def test_who_may_change_a_record_is_led_to_the_form(client: Client) -> None:
    editor = UserFactory(is_staff=True)
    editor.user_permissions.set(Permission.objects.filter(codename__in=("view_pov", "change_pov")))
    client.force_login(editor)
    pov = PovFactory()
    TrrFactory(pov=pov, title="Not for viewers of POVs")

    page = client.get(f"/povs/{pov.pk}/").content.decode()

    assert f'href="/admin/cortex/pov/{pov.pk}/change/">Edit</a>' in page
    assert "Not for viewers" not in page
