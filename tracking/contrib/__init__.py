"""Receivers for packages that log people in their own way, each connected if its package is installed.

allauth          codes that were wrong, of a second factor or of a login by code
axes             logins that were refused because of earlier failures
channels         sessions of WebSockets
drf              tokens of REST framework and simplejwt
hijack, loginas  one user acting as another
otp              second factors of django-otp and django-two-factor-auth
"""

from collections.abc import Iterator
from importlib import import_module
from importlib.metadata import PackageNotFoundError, distribution

from django.apps import apps

from tracking.health import report_fault


def connect_installed() -> None:
    """Connect the receivers of the installed packages. A package in an unknown version must not stop the site."""
    for module in _wanted():
        try:
            import_module(f"tracking.contrib.{module}").connect()
        except Exception as error:
            report_fault(f"Connecting tracking.contrib.{module}", error)


def _wanted() -> Iterator[str]:
    if apps.is_installed("allauth.account"):
        yield "allauth"
    if apps.is_installed("axes"):
        yield "axes"
    if _is_distributed("channels"):  # it need not be in INSTALLED_APPS
        yield "channels"
    if apps.is_installed("rest_framework"):
        yield "drf"
    if apps.is_installed("hijack"):
        yield "hijack"
    if apps.is_installed("loginas"):
        yield "loginas"
    if apps.is_installed("django_otp"):
        yield "otp"


def _is_distributed(name: str) -> bool:
    """Tell whether the package was installed: a site may have a module of that name itself."""
    try:
        distribution(name)
    except PackageNotFoundError:
        return False
    return True
