"""Who may use the routes of operations: machines, so everybody; /metrics wants a token besides."""

from tests.permissions import EVERYONE, NOBODY, Route

ROUTES = {
    "healthz": Route(get=EVERYONE),
    "readyz": Route(get=EVERYONE),
    "metrics": Route(get=NOBODY),
}
