"""Who may use the routes of resources: help is for everybody."""

from tests.permissions import EVERYONE, Route

ROUTES: dict[str, Route] = {"resources:help": Route(get=EVERYONE)}
