"""Who may use the routes of accounts. (django-allauth's own are in the architecture test.)"""

from tests.permissions import Route

ROUTES: dict[str, Route] = {}
