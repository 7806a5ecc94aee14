"""Tests that the dashboard and the lists show the menus and frames of the admin's theme."""

import re
from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth import get_user_model
from django.test import Client

pytestmark = pytest.mark.django_db
PAGES = ("/admin/analytics/", "/admin/analytics/users/1/", "/admin/tracking/loginevent/")
# What surrounds every page of a theme.
FRAMES = {"jazzmin": "app-sidebar", "unfold": 'id="nav-sidebar"', "grappelli": 'id="grp-header"'}


@pytest.fixture
def root(client: Client) -> Client:
    model: Any = get_user_model()
    model.objects.create_superuser("root", password="pw-of-root", pk=1)
    client.post("/admin/login/", {"username": "root", "password": "pw-of-root"})
    return client


@pytest.mark.parametrize("path", PAGES)
def test_a_page_has_the_frame_and_the_menu_of_the_theme(root: Client, path: str) -> None:
    index = root.get("/admin/").content.decode()
    answer = root.get(path)
    page = answer.content.decode()

    assert answer.status_code == 200
    (frame,) = [FRAMES[app] for app in FRAMES if apps.is_installed(app)]
    assert frame in index
    assert frame in page
    if not apps.is_installed("grappelli"):  # its menu is on the index alone
        assert menu(page) >= menu(index) - {"/admin/"}


def menu(page: str) -> set[str]:
    """Return the lists that a page links to."""
    return set(re.findall(r'href="(/admin/[a-z_]+/[a-z_]+/)"', page))


def test_a_list_is_paginated_by_key(root: Client) -> None:
    assert root.get("/admin/tracking/loginevent/").content.decode().count('aria-label="Pages"') >= 1
