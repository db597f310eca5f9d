"""Whether money can be taken at all."""

from django.conf import settings


def can_charge() -> bool:
    """Whether this installation has a payment processor."""
    return bool(settings.STRIPE_SECRET_KEY)
