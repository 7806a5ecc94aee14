"""The WSGI application of the host site that DJANGO_SETTINGS_MODULE names, for a real server."""

from django.core.wsgi import get_wsgi_application

application = get_wsgi_application()
