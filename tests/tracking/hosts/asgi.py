"""The ASGI application of the host site that DJANGO_SETTINGS_MODULE names, for a real server."""

from django.core.asgi import get_asgi_application

application = get_asgi_application()
