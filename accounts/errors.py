"""What accounts may refuse, in words fit to show a person."""

from django.utils.translation import gettext_lazy as _


class AccountsError(Exception):
    """The base of every refusal here. ``str()`` of it may be shown."""

    message = _("That is not possible.")

    def __str__(self) -> str:
        return str(self.message)


class NotYours(AccountsError):
    message = _("The person who asked cannot also decide. Somebody else has to.")


class NotYourRole(AccountsError):
    message = _("Your role does not let you decide this.")


class AlreadyDecided(AccountsError):
    message = _("Somebody has decided this already.")


class AlreadyWaiting(AccountsError):
    message = _("This has been asked already and is waiting for a second person.")


class LastAdministrator(AccountsError):
    message = _("This is the only administrator. Make somebody else one first.")


class NotYourself(AccountsError):
    message = _("Somebody else has to change your own roles.")


class RolesApart(AccountsError):
    message = _(
        "Nobody is coordinator and care coordinator at once: who gives sessions out must not see"
        " who uses them. Withdraw the other role first."
    )


class OtherRequest(AccountsError):
    message = _("This Idempotency-Key was used for another request. Use a new one.")


class NotAScope(AccountsError):
    message = _("A key needs at least one scope, and only ones that exist.")


class NeedsPractice(AccountsError):
    message = _("A key for bookings, sessions or statements needs a practice.")


class NeedsProgramme(AccountsError):
    message = _("A key that is limited to programmes needs at least one of them.")
