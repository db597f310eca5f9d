"""What ambassadors may refuse, in words fit to show a person."""

from django.utils.translation import gettext_lazy as _


class AmbassadorsError(Exception):
    """The base of every refusal here. ``str()`` of it may be shown."""

    message = _("That is not possible.")

    def __str__(self) -> str:
        return str(self.message)


class IllegalMove(AmbassadorsError):
    message = _(
        "That is no longer possible: the status has changed. Look at the page again and choose"
        " from what it offers now."
    )


class TermOver(AmbassadorsError):
    message = _("This term is over. Choose or add a term that has not ended.")


class TermFull(AmbassadorsError):
    message = _("Every place of this term is taken or promised. Add places to the term first.")


class AddressUnusable(AmbassadorsError):
    message = _("This is not a whole e-mail address. Write it like name@example.org.")


class AddressMixesAlphabets(AddressUnusable):
    message = _(
        "The e-mail address mixes letters of different alphabets that look the same, or has"
        " letters mail cannot reach. Type it again by hand."
    )


class AlreadyInvited(AmbassadorsError):
    message = _("This address has been invited to this term already. You can send it again below.")


class AlreadyEnrolled(AmbassadorsError):
    message = _("The person with this address is in this term already.")


class DeclinedBefore(AmbassadorsError):
    message = _(
        "The person at this address said that the invitation to this term was not for them, and"
        " that they do not want to hear about it again. Ask them in person."
    )


class InvitationUnusable(AmbassadorsError):
    """The link cannot be used (any more); the page says why from the invitation's state."""

    message = _("This invitation cannot be used any more.")


class SentJustNow(AmbassadorsError):
    message = _("It was sent a few minutes ago. Look in the spam folder, or wait a little.")


class AdultsOnly(AmbassadorsError):
    message = _("Joining is for people who are 18 or over.")


class TextChanged(AmbassadorsError):
    message = _("The text has changed since you opened the page. Please read it once more.")


class AlreadyTranslated(AmbassadorsError):
    message = _("This version is there in this language already. A change is a new version.")


class NoReach(AmbassadorsError):
    message = _("Choose at least one programme, or withdraw the role instead.")


class NotPausedByYou(AmbassadorsError):
    message = _("Somebody from the programme paused this. Write to them and they can resume it.")


class RosterUnreadable(AmbassadorsError):
    """A file that cannot be a roster; ``str()`` says what to do about it."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.words = message

    def __str__(self) -> str:
        return self.words


class AlreadyImporting(AmbassadorsError):
    message = _("This file is being imported already.")
