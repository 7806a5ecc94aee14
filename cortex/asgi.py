import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "cortex.settings")
# A request has a thread of its own, whose connection to the database nobody would use again.
os.environ.setdefault("CONN_MAX_AGE", "0")

application = get_asgi_application()
