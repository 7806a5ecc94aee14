from django.test import override_settings

from analytics.checks import check_settings


def ids(**analytics: object) -> list[str | None]:
    with override_settings(ANALYTICS=analytics):
        return [problem.id for problem in check_settings()]


def test_nothing_to_complain_of() -> None:
    assert ids() == []
    assert ids(TIME_ZONE="Europe/Berlin", CACHE="default") == []


def test_analytics_e001() -> None:
    with override_settings(ANALYTICS={"TIMEZONE": "UTC"}):
        (problem,) = check_settings()
    assert problem.msg == 'ANALYTICS has the unknown key "TIMEZONE".'
    assert "TIME_ZONE" in str(problem.hint)


def test_analytics_e002() -> None:
    assert ids(TIME_ZONE="Mars/Olympus") == ["analytics.E002"]
    assert ids(TIME_ZONE="../../etc/passwd") == ["analytics.E002"]


def test_analytics_e004() -> None:
    assert ids(ADMIN_SITE="django.contrib.admin.site") == []
    assert ids(ADMIN_SITE="django.contrib.admin.nowhere") == ["analytics.E004"]
    assert ids(ADMIN_SITE="analytics.checks.check_settings") == ["analytics.E004"]


def test_analytics_e003() -> None:
    assert ids(CACHE="reports") == ["analytics.E003"]
