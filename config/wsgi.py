import os
import sys

from django.core.exceptions import ImproperlyConfigured
from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.base")

try:
    application = get_wsgi_application()
except ImproperlyConfigured as wrong:
    sys.exit(f"Greenroom cannot start: {wrong}")
