"""What events may refuse, in words fit to show a person."""

from __future__ import annotations

from collections.abc import Mapping

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext


class EventsError(Exception):
    """The base of every refusal here. ``str()`` of it may be shown."""

    message: str | Promise = _("That is not possible.")

    def __str__(self) -> str:
        return str(self.message)


class Busy(EventsError):
    message = _("Very many people are asking for this date right now. Please try again.")


class RsvpClosed(EventsError):
    """Nobody new can come: not yet, no longer, or not at all."""

    opens_later = False

    message = _("RSVPs for this date are closed.")


class NotOpenYet(RsvpClosed):
    opens_later = True
    message = _("RSVPs for this event are not open yet.")


class DateIsCancelled(RsvpClosed):
    message = _("This date was cancelled.")


class DateIsOver(RsvpClosed):
    message = _("This date is over.")


class PartyTooLarge(EventsError):
    def __init__(self, largest: int) -> None:
        self.largest = largest

    def __str__(self) -> str:
        return ngettext(
            "Everyone needs their own RSVP for this event: you cannot bring others.",
            "You can come as up to %(count)d people, you included.",
            self.largest,
        ) % {"count": self.largest}


class TooManyNames(EventsError):
    message = _("There are more names than people. Add people, or take a name out.")


class NotEnoughPlaces(EventsError):
    """A party cannot grow. What they have stays theirs."""

    def __init__(self, free: int) -> None:
        self.free = free

    def __str__(self) -> str:
        if self.free < 1:
            return str(_("There are no more places. You keep the ones you have."))
        return ngettext(
            "There is %(count)d more place. You keep the ones you have.",
            "There are %(count)d more places. You keep the ones you have.",
            self.free,
        ) % {"count": self.free}


class NoLongerComing(EventsError):
    message = _("This RSVP has ended. You can RSVP again on the event's page.")


class RequestRefused(EventsError):
    message = _("The hosts could not say yes to your request for this date.")


class SeriesRefused(EventsError):
    message = _("The hosts could not say yes to every date. You can still ask for a single one.")


class CannotGive(EventsError):
    message = _("This place cannot be given to somebody else.")


class HasAnswered(EventsError):
    message = _("This person has an answer for this date already.")


class GivenTooOften(EventsError):
    message = _("You have offered this place to five people. Leave, and it goes to the next.")


class OfferEnded(EventsError):
    message = _("This offer has ended: the place went to the next person.")


class NotYetBegun(EventsError):
    message = _("Until it begins, free places go to the waiting list in order.")


class NoRoomAtTheDoor(EventsError):
    message = _("There are no places left. Release the place of somebody who has not come.")


class NotGoing(EventsError):
    message = _("Only people who are going can be checked in.")


class EditedMeanwhile(EventsError):
    """Somebody else saved the event since this person opened it. Nothing was written."""

    message = _("Somebody else has changed this event since you opened it.")


class NotReady(EventsError):
    """What an event still needs before it can be published, by field."""

    message = _("This event needs a few more things before it can be published.")

    def __init__(self, missing: Mapping[str, str]) -> None:
        self.missing = dict(missing)


class NotADraft(EventsError):
    message = _("Only a draft can be published.")


class NotPublished(EventsError):
    message = _("Only a published event can be cancelled.")


class EventIsCancelled(EventsError):
    message = _("This event is cancelled. Copy it to hold it again.")


class DayTaken(EventsError):
    message = _("There is already a date on this day.")


class NoDatesLeft(EventsError):
    message = _(
        "No date would be left. To call everything off, cancel the event; to end it earlier, "
        "say a last day."
    )


class PaidOneByOne(EventsError):
    message = _("Each date of this event is paid for by itself. Choose one date.")


class PartyIsPaidFor(EventsError):
    message = _(
        "Your payment is for as many as you are now, and cannot grow. Whoever comes besides says "
        "yes on the event's page and pays there."
    )


class PayingEnded(EventsError):
    message = _("The time to pay is over. If there is room, say yes again.")


class AmountNotAccepted(EventsError):
    """Not what it costs, or less than the least."""

    message = _("Please choose an amount that is possible here.")


class StillPaidFor(EventsError):
    message = _(
        "People have paid for this event or are about to, so its price cannot become free, change "
        "its kind or its currency."
    )


class NotASeries(EventsError):
    message = _("This event has no further dates to come to every time. Choose one date.")


class AlreadyPublished(EventsError):
    message = _("This event is no draft any more; its page can be sent to anybody it is for.")


class AddressUnusable(EventsError):
    message = _("This is not a whole e-mail address. Write it like name@example.org.")


class AlreadyAsked(EventsError):
    message = _("This person hosts the event already, or was asked and has not answered yet.")


class TooManyHosts(EventsError):
    message = _("An event has twenty hosts at most. Take somebody back first.")


class HostingClosed(EventsError):
    message = _("This invitation was answered, was taken back or has run out.")


class HostSentJustNow(EventsError):
    message = _("The mail went out a moment ago. Wait ten minutes before you send it again.")


class NobodyToTell(EventsError):
    message = _("No safeguarding lead is named yet. Tell an administrator now, by telephone.")


class NobodyNewHosts(EventsError):
    message = _("This event is over or cancelled: nobody new can host it.")


class StillComing(EventsError):
    message = _("You are still on the list for this date. Leave it first.")
