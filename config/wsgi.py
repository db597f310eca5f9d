import os
import sys

from django.core.exceptions import ImproperlyConfigured
from django.core.wsgi import get_wsgi_application
from django.urls import get_resolver

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.base")

try:
    application = get_wsgi_application()
    # Every view is imported now, before the web server makes its processes: they share the
    # memory, and nobody's first click waits for it.
    get_resolver().url_patterns  # noqa: B018 - reading it imports them
except ImproperlyConfigured as wrong:
    sys.exit(f"Greenroom cannot start: {wrong}")
