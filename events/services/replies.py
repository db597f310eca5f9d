"""Answers from people's own calendars: a yes, a maybe or a no there is one here.

The mail gateway stores them (``calendars``); here they are checked against the RSVP they are
about, and become what the person would have done on the page.
"""

from __future__ import annotations

import logging
from datetime import datetime

from django.db import transaction
from django.db.models import Max

from calendars.models import InboundReply
from calendars.services.inbound import claim_answer, pass_on, settle
from events.errors import Busy, EventsError
from events.models import Host, Rsvp
from events.services.mails import tell
from events.services.rsvps import (
    Guest,
    accept_offer,
    confirm_rsvp,
    decline_offer,
    leave,
    place_rsvp,
    say_maybe,
)

logger = logging.getLogger(__name__)

Reason = InboundReply.Reason


def apply_replies(*, at: datetime) -> int:
    """Apply every answer that waits; how many there were. Safe to run any number at once.

    One for a date that very many ask for at this moment waits for the next run.
    """
    done = 0
    try:
        while apply_next(at=at):
            done += 1
    except Busy:
        logger.info("a date is busy; the answers that are left wait for the next run")
    return done


@transaction.atomic
def apply_next(*, at: datetime) -> bool:
    """Apply one answer, in one transaction with what it changes. False when none waits."""
    reply = claim_answer(at=at)
    if reply is None:
        return False
    rsvp = _rsvp_of(reply)
    if rsvp is None and (host := _host_of(reply)):
        _take_note(reply, host)
        return True
    refusal = _refusal(reply, rsvp)
    if rsvp is not None and not refusal:
        try:
            with transaction.atomic():
                _ACTS[reply.answer](rsvp, reply, at)
        except EventsError as error:
            if isinstance(error, Busy):
                raise
            refusal = Reason.TOO_LATE
            if reply.answer == "ACCEPTED":
                # Their calendar shows a yes that does not hold.
                tell(rsvp, "not_possible", at=at, once=f"reply-{reply.pk}", why=str(error))
    settle(reply=reply, refusal=refusal)
    return True


def _rsvp_of(reply: InboundReply) -> Rsvp | None:
    """The RSVP that the signed address names."""
    found = Rsvp.objects.filter(reference=reply.about)
    return found.select_related("occurrence__event", "user").first()


def _host_of(reply: InboundReply) -> Host | None:
    """The host that the signed address names, while they are one."""
    return Host.objects.accepted().filter(reference=reply.about).select_related("person").first()


def _take_note(reply: InboundReply, host: Host) -> None:
    """A host answers for one date, and stays the host. Anything but a yes is for a person."""
    if host.person is None or reply.attendee != host.person.email.lower():
        settle(reply=reply, refusal=Reason.OTHER_PERSON)
    elif reply.answer == "ACCEPTED":
        settle(reply=reply)
    else:
        pass_on(reply=reply)


def _refusal(reply: InboundReply, rsvp: Rsvp | None) -> str:
    """Why this answer does not count, or "". What proves the sender was checked on arrival."""
    if rsvp is None or reply.uid != rsvp.calendar_uid:
        return Reason.OTHER_ENTRY
    if reply.attendee != rsvp.email.lower():
        return Reason.OTHER_PERSON
    if (reply.sequence or 0) < rsvp.occurrence.sequence:
        return Reason.OLD
    seen = InboundReply.objects.filter(about=reply.about, state=InboundReply.State.APPLIED)
    last = seen.aggregate(last=Max("stamped_at"))["last"]
    if last and reply.stamped_at and reply.stamped_at <= last:
        return Reason.SEEN
    return Reason.NONE


def _say_yes(rsvp: Rsvp, reply: InboundReply, at: datetime) -> None:
    """Going, if there is room; else their turn in the queue, which their calendar is told."""
    if rsvp.is_offered:
        accept_offer(rsvp=rsvp, at=at)
    elif rsvp.is_maybe:
        confirm_rsvp(rsvp=rsvp, at=at)
    elif rsvp.is_waiting:
        _say_again(rsvp, reply, at)
    elif not rsvp.is_active:
        _come_back(rsvp, at)


def _say_again(rsvp: Rsvp, reply: InboundReply, at: datetime) -> None:
    """Their calendar shows a yes where there is only a turn in the queue: correct it."""
    Rsvp.objects.filter(pk=rsvp.pk).update(changed_at=at)
    rsvp.changed_at = at
    tell(rsvp, "waitlisted", at=at, once=f"reply-{reply.pk}")


def _come_back(rsvp: Rsvp, at: datetime) -> None:
    party_size = min(rsvp.party_size, rsvp.occurrence.event.largest_party)
    place_rsvp(
        occurrence=rsvp.occurrence,
        person=rsvp.user or Guest(rsvp.guest_name, rsvp.guest_email),
        party_size=party_size,
        companions=rsvp.companions[: party_size - 1],
        language=rsvp.language,
        is_vouched=True,  # who holds the signed address got it in the mail
        at=at,
    )


def _say_maybe(rsvp: Rsvp, _reply: InboundReply, at: datetime) -> None:
    say_maybe(rsvp=rsvp, at=at)


def _say_no(rsvp: Rsvp, _reply: InboundReply, at: datetime) -> None:
    if rsvp.is_offered:
        decline_offer(rsvp=rsvp, at=at)
    else:
        leave(rsvp=rsvp, at=at)


_ACTS = {"ACCEPTED": _say_yes, "TENTATIVE": _say_maybe, "DECLINED": _say_no}
