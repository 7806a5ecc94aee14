from datetime import UTC, date, datetime
from typing import Any

import pytest
from django.contrib.auth import authenticate
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection

from cortex.models import User
from tests.cortex.factories import PovFactory, TrrFactory, UserFactory

pytestmark = pytest.mark.django_db


def test_a_person_logs_in_by_email_in_any_case() -> None:
    user = User.objects.create_user("Ann@Example.com", "correct horse")

    assert user.email == "ann@example.com"
    assert authenticate(username="ANN@example.com", password="correct horse") == user


def test_a_superuser_is_an_admin_who_may_do_everything() -> None:
    user = User.objects.create_superuser("root@example.com", "correct horse")

    assert (user.role, user.is_staff, user.is_superuser) == ("admin", True, True)


def test_an_imported_user_has_no_password_that_matches() -> None:
    UserFactory(email="old@example.com")

    assert authenticate(username="old@example.com", password="") is None


def test_a_legacy_creation_date_survives() -> None:
    long_ago = datetime(2009, 5, 4, tzinfo=UTC)

    user = UserFactory(created_at=long_ago)

    assert User.objects.get(pk=user.pk).created_at == long_ago


def test_the_database_keeps_addresses_in_lower_case() -> None:
    with pytest.raises(IntegrityError, match="users_email_is_lower_case"):
        User.objects.create(email="Ann@example.com")


def test_a_suspended_user_may_not_log_in() -> None:
    with pytest.raises(IntegrityError, match="users_blocked_may_not_log_in"):
        UserFactory(status="suspended", is_active=True)


def test_a_form_turns_an_address_to_lower_case() -> None:
    user = User(email="Ann@Example.com")

    user.full_clean()

    assert user.email == "ann@example.com"


def test_a_pov_cannot_end_before_it_starts() -> None:
    pov = PovFactory.build(owner=UserFactory(), start_date=date(2026, 5, 2), end_date=date(2026, 5, 1))

    with pytest.raises(ValidationError, match="cannot end before it starts"):
        pov.full_clean()
    with pytest.raises(IntegrityError, match="povs_end_not_before_start"):
        pov.save()


@pytest.mark.parametrize(("ratings", "constraint"), [
    ({"likelihood": 6}, "trrs_likelihood_from_1_to_5"),
    ({"impact": 0}, "trrs_impact_from_1_to_5"),
])  # fmt: skip
def test_ratings_go_from_1_to_5(ratings: dict[str, Any], constraint: str) -> None:
    with pytest.raises(IntegrityError, match=constraint):
        TrrFactory(**ratings)


def test_the_promised_indexes_are_there() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'")
        definitions = dict(cursor.fetchall())

    assert definitions["idx_users_role_status_created"].endswith("(role, status, created_at)")
    assert definitions["idx_povs_created_desc"].endswith("(created_at DESC, id DESC)")
    assert definitions["idx_trrs_pov_status_created"].endswith("(pov_id, status, created_at DESC)")
