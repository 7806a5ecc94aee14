"""For a real server: DJANGO_SETTINGS_MODULE says which host site it serves."""

from django.core.asgi import get_asgi_application

application = get_asgi_application()
