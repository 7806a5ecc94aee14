import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "cortex.settings")
# Each request may have its own thread, and nobody would use that thread's database connection again.
os.environ.setdefault("CONN_MAX_AGE", "0")

application = get_asgi_application()
