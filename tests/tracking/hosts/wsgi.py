"""For a real server: DJANGO_SETTINGS_MODULE says which host site it serves."""

from django.core.wsgi import get_wsgi_application

application = get_wsgi_application()
