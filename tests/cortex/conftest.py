"""Shares the browser of the dashboard's tests."""

from tests.analytics.browser.conftest import visit

__all__ = ["visit"]
