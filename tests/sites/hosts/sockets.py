"""A site with WebSockets: channels' AuthMiddlewareStack, wired by nothing else."""

from tests.tracking.hosts.atomic import *  # noqa: F403
from tests.tracking.hosts.atomic import INSTALLED_APPS

INSTALLED_APPS = [*INSTALLED_APPS, "channels"]
ASGI_APPLICATION = "tests.sites.hosts.sockets_asgi.application"
