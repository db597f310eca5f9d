"""Who may use the routes of ``calendars`` (see ``tests/permissions.py``)."""

from tests.permissions import NOBODY, SIGNED_IN, Route

ROUTES = {
    # Each shows and changes only the link of whoever asks; there is nothing to name.
    "calendars:settings": Route(get=SIGNED_IN, post=SIGNED_IN),
    "calendars:make-link": Route(post=SIGNED_IN),
    "calendars:rotate-link": Route(post=SIGNED_IN),
    # Only the mail server, by its own password (test_inbound_mail.py).
    "calendars:mail-webhook": Route(get=NOBODY, post=NOBODY),
    "calendars:close-link": Route(post=SIGNED_IN),
}
