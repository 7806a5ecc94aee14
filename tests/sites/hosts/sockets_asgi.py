"""`asgi.py` as channels' documentation writes it."""

import os

from channels.auth import AuthMiddlewareStack
from channels.routing import ProtocolTypeRouter, URLRouter
from django.core.asgi import get_asgi_application
from django.urls import path

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.sites.hosts.sockets")
http = get_asgi_application()

from tests.sites.hosts.sockets_consumer import Echo  # noqa: E402 (after Django is set up)

application = ProtocolTypeRouter(
    {"http": http, "websocket": AuthMiddlewareStack(URLRouter([path("ws/", Echo.as_asgi())]))}
)
