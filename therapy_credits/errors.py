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


# --- Booking and codes -----------------------------------------------------------


class ConsentMissing(TherapyCreditsError):
    message = _("Booking needs your consent to handle health data. You can give it on your page.")


class AdultsOnly(TherapyCreditsError):
    message = _("Sessions are for people of 18 and older.")


class NotLicensedThere(TherapyCreditsError):
    message = _("This practitioner may not see you where you will be that day. Choose another.")


class SlotTaken(TherapyCreditsError):
    message = _("That time has just been taken. Choose another; nothing was booked.")


class BusyThen(TherapyCreditsError):
    message = _("You have another booking at that time. Choose another time; nothing was booked.")


class AlreadyClosed(TherapyCreditsError):
    message = _("This has already been closed in another way. Look at it again.")


class OutcomeChanged(TherapyCreditsError):
    message = _("What cancelling means has changed since you opened the page. Please look again.")


class TooLate(TherapyCreditsError):
    message = _("The session has begun. It can no longer be cancelled here.")
    of_a_call = _("The call has begun. It can no longer be cancelled here.")
    of_a_question = _("The seven days in which this could be said here are over.")
    of_a_claim = _("The ninety days in which this could be claimed are over.")


class NoFitCall(TherapyCreditsError):
    message = _("They offer no first call just now. You can still book a session.")
    of_one_before = _(
        "You have a call or a session with them already. There is one first call with each."
    )
    of_too_many = _(
        "You have had as many free calls as there are in a year. You can still book a session,"
        " and get one back if it was not the right match."
    )


class TooLateToMove(TherapyCreditsError):
    message = _("It is too close to be moved. You can still cancel, and see first what that means.")


class HoldTooShort(TherapyCreditsError):
    message = _("That is too far ahead for this booking. Choose a sooner time; it stays booked.")


class CannotRefund(TherapyCreditsError):
    message = _("This session cannot be given back. Our care desk can help you find somebody.")


class NotPausedByItself(TherapyCreditsError):
    message = _("Your practice was paused by the staff of Greenroom. Please write to them.")


class TooEarly(TherapyCreditsError):
    message = _("The session has not begun yet.")


class CannotUndo(TherapyCreditsError):
    message = _("This can no longer be undone here.")


class CodeMistyped(TherapyCreditsError):
    message = _("One of the symbols is wrong or missing. Compare it with what your client has.")


class CodeNotAccepted(TherapyCreditsError):
    """One answer for a code that never was, is spent, has expired or was taken back."""

    message = _("This code cannot be used. Ask your client to look at it, or for a new one.")


class TooManyTries(TherapyCreditsError):
    message = _("Too many codes were wrong. Please try again in a quarter of an hour.")


class WrongSessionDay(TherapyCreditsError):
    message = _("The day of the session must be within the last 30 days, and not to come.")


class LicenceAlreadyChecked(TherapyCreditsError):
    message = _("You have checked this licence already. A second person must look too.")


class InvitationSpent(TherapyCreditsError):
    message = _("This invitation has been used, or its time is over. Ask for a new one.")


class WorksElsewhere(TherapyCreditsError):
    message = _("This account already belongs to a practice.")


class PracticeNotReady(TherapyCreditsError):
    message = _("A practice needs a kind of session and a practitioner before it can be opened.")


class PracticeNotVerified(TherapyCreditsError):
    message = _("Two people check a practice before it can be opened.")


class PracticeAlreadyChecked(TherapyCreditsError):
    message = _("You have checked this practice already. A second person must look too.")


class ServiceAlreadyChecked(TherapyCreditsError):
    message = _("You have checked this rate already. A second person must look too.")


class FundingTooSmall(TherapyCreditsError):
    message = _("The amount does not pay for that many sessions at the pool's ceiling price.")


class PoolExists(TherapyCreditsError):
    message = _("There is a pool with this name already. Choose another name.")


class LimitsWider(TherapyCreditsError):
    message = _(
        "A policy can be narrower than its pool, and never wider: choose among what the pool"
        " pays for, and keep back at least as much."
    )


class LimitsNarrower(TherapyCreditsError):
    message = _(
        "A pool can pay for more later, and never for less: people have sessions from it already."
        " Open another pool for what is to be narrower."
    )


class PolicyExists(TherapyCreditsError):
    message = _("This pool already has a policy for this term. Change that one instead.")


class ReferenceUnknown(TherapyCreditsError):
    message = _("No booking or code of this pool has that reference.")


# --- Gifts, the care desk ----------------------------------------------------------


class GiftNotThere(TherapyCreditsError):
    """One answer for a gift that never was, is not open yet, is over or is somebody else's."""

    message = _(
        "This cannot be opened now. What was just given opens after half an hour: try again then."
        " If it still does not, ask whoever gave it to you."
    )


class GiftIsYours(TherapyCreditsError):
    """The same for the giver whatever became of it, so that they learn nothing."""

    message = _("You gave this yourself. Only the person it is for can open it.")


class TooManyGifts(TherapyCreditsError):
    message = _("This account has accepted as many gifts as it can hold.")


class NotYourCase(TherapyCreditsError):
    message = _("Somebody else looks after this, or it is closed.")


class CaseloadFull(TherapyCreditsError):
    message = _("You have twenty cases open. Close one, or hand one over, before you take another.")


class CannotCover(TherapyCreditsError):
    message = _("They cannot cover then: they are away too, or their cases are left to you.")


class AwayAlready(TherapyCreditsError):
    message = _("You are away on some of these days already. Take that back first.")


class PinWrong(TherapyCreditsError):
    message = _("That is not your PIN. Try again.")


class AddressCodeWrong(TherapyCreditsError):
    message = _("That is not the code, or its hour is over. Ask for a new one.")


class TooManyCodes(TherapyCreditsError):
    message = _("You have asked for as many codes as there are in a day. Try again tomorrow.")


class DoorClosed(TherapyCreditsError):
    message = _("Too many wrong PINs. Try again in an hour, or use your passkey.")


class NobodyNamed(TherapyCreditsError):
    message = _("No safeguarding lead is named yet. Tell an administrator now, by telephone.")
