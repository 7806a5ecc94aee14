"""Views of a third-party site, which use only the public functions of tracking."""

import asyncio
from typing import Any

from django.apps import apps
from django.contrib.auth import (
    aauthenticate,
    alogin,
    alogout,
    authenticate,
    get_user_model,
    login,
    update_session_auth_hash,
)
from django.db import transaction
from django.http import HttpRequest, HttpResponse

if apps.is_installed("tracking"):
    from tracking import log_activity, log_login, track_activity


def page(request: HttpRequest) -> HttpResponse:
    return HttpResponse("a page")


def who(request: HttpRequest) -> HttpResponse:
    return HttpResponse(request.user.get_username() or "nobody")


def deed(request: HttpRequest) -> HttpResponse:
    log_activity("thing.done", entity=("things.thing", 7), metadata={"how": "well"})
    return HttpResponse("done")


def failing_login(request: HttpRequest) -> HttpResponse:
    user = authenticate(request, username=request.POST["username"], password=request.POST["password"])
    login(request, user)
    raise RuntimeError("after the login")


def two_logins(request: HttpRequest) -> HttpResponse:
    for name in (request.POST["first"], request.POST["second"]):
        login(request, _user(name), backend="django.contrib.auth.backends.ModelBackend")
    return HttpResponse("twice")


def login_and_rollback(request: HttpRequest) -> HttpResponse:
    user = _user(request.POST["name"])
    login(request, user, backend="django.contrib.auth.backends.ModelBackend")
    with transaction.atomic():
        login(request, user, backend="django.contrib.auth.backends.ModelBackend")
        transaction.set_rollback(True)
    return HttpResponse("once")


def _user(name: str) -> Any:
    return get_user_model()._default_manager.get_by_natural_key(name)


def failing_deed(request: HttpRequest) -> HttpResponse:
    log_activity("thing.done", entity=("things.thing", 7))
    raise RuntimeError("after the deed")


def refusal_and_failure(request: HttpRequest) -> HttpResponse:
    authenticate(request, username=request.POST["username"], password="wrong")
    raise RuntimeError("after the refusal")


def token_login(request: HttpRequest) -> HttpResponse:
    log_login(identifier="robot", success=False, login_method="api_token", failure_reason="expired_token")
    return HttpResponse(status=401)


def change_password(request: HttpRequest) -> HttpResponse:
    request.user.set_password(request.POST["password"])
    request.user.save()
    update_session_auth_hash(request, request.user)
    return HttpResponse("changed")


@transaction.non_atomic_requests  # Django has no transactions for async views
async def async_login(request: HttpRequest) -> HttpResponse:
    user = await aauthenticate(request, username=request.POST["username"], password=request.POST["password"])
    if user is None:
        return HttpResponse("wrong", status=200)
    await alogin(request, user)
    return HttpResponse(status=302, headers={"Location": "/page/"})


@transaction.non_atomic_requests
async def async_logout(request: HttpRequest) -> HttpResponse:
    await alogout(request)
    return HttpResponse(status=302, headers={"Location": "/page/"})


@transaction.non_atomic_requests
async def async_page(request: HttpRequest) -> HttpResponse:
    return HttpResponse("a page")


async def async_later(request: HttpRequest) -> HttpResponse:
    async def work() -> None:
        await asyncio.sleep(0.1)
        log_activity("thing.later")

    request.META["task"] = asyncio.create_task(work())
    return HttpResponse("soon")


if apps.is_installed("tracking"):

    @transaction.non_atomic_requests
    @track_activity("thing.seen", entity=("things.thing", 8))
    async def async_deed(request: HttpRequest) -> HttpResponse:
        return HttpResponse("done")

else:

    @transaction.non_atomic_requests
    async def async_deed(request: HttpRequest) -> HttpResponse:
        return HttpResponse("done")
