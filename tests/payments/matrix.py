"""Who may use the routes of ``payments`` (see ``tests/permissions.py``)."""

from tests.permissions import EVERYONE, Route

ROUTES = {
    # Anybody may knock; only what Stripe has signed is kept (test_notices.py).
    "payments:stripe-webhook": Route(post=EVERYONE),
}
