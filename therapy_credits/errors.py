"""What therapy credits refuse to do, in words fit to show a person."""

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


class TherapyCreditsError(Exception):
    """A rule of therapy credits said no. ``str()`` of it can be shown."""

    message: str | Promise = _("That cannot be done.")

    def __str__(self) -> str:
        return str(self.args[0] if self.args else self.message)


class NotEnoughSessions(TherapyCreditsError):
    message = _("There are not enough sessions left for this.")


class RequestReused(TherapyCreditsError):
    """The same idempotency key came with other facts."""

    message = _("This was already done with other details. Start again from the page before.")


class HoldUnknown(TherapyCreditsError):
    message = _("No held session was found for this.")


class HoldResolved(TherapyCreditsError):
    """A hold ends once. Somebody else was sooner, with another outcome."""

    message = _("This session has already been closed in another way.")


class NothingToReverse(TherapyCreditsError):
    message = _("There is no charge here that can be undone.")


class WrongPractice(TherapyCreditsError):
    message = _("This session is held for another practice.")


class BooksRefused(TherapyCreditsError):
    """The database refused a transfer; nothing was written."""

    message = _("The books refused this, and nothing was changed.")
