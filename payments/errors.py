"""What payments may refuse, in words fit to show a person."""

from __future__ import annotations

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


class PaymentsError(Exception):
    """The base of every refusal here. ``str()`` of it may be shown."""

    message: str | Promise = _("That is not possible.")

    def __str__(self) -> str:
        return str(self.message)


class NoProcessor(PaymentsError):
    message = _("Payments are not set up here.")


class ProcessorAway(PaymentsError):
    """No answer, or one that says nothing: whether it did what was asked is not known."""

    message = _("The payment page does not answer right now. Please try again in a minute.")

    def __init__(self, detail: str = "") -> None:
        self.detail = detail


class ProcessorRefused(PaymentsError):
    """An answer that says no: it has done nothing. ``detail`` is for the log and for staff."""

    message = _("The payment service did not accept this. Nothing was taken.")

    def __init__(self, detail: str = "", code: str = "") -> None:
        self.detail, self.code = detail, code


class NotFromProcessor(PaymentsError):
    """A notice that the processor did not sign, or too long ago."""


class MoreThanWasPaid(PaymentsError):
    message = _("That is more than what is left of this payment.")


class NothingWasPaid(PaymentsError):
    message = _("Nothing was paid here, so nothing can be given back.")
