"""Mails about care. Each says a reference and an address to sign in at, and nothing else.

A subject may stand on a lock screen and a mailbox may be shared: no mail says what
is booked, with whom, or that it has to do with health.
"""

from __future__ import annotations

import datetime as dt

from django.conf import settings
from django.urls import reverse

from accounts.models import Role, StaffGrant, User
from common import tokens
from common.text import site_language
from notifications.models import Message
from notifications.services.messages import prepare_message, queue_message, queue_prepared
from therapy_credits.models import (
    Booking,
    CareCase,
    CareDoor,
    Concern,
    FitCall,
    Gift,
    Licence,
    Pool,
    Practice,
    PracticeInvitation,
    SafeguardingLead,
    SessionCode,
)
from therapy_credits.services.subjects import person_to_reach

# What a mail is about, as in the names of its pages. A person's codes are on one page.
SESSION, CALL, CODE = "booking", "fit-call", "code"


def prepare_booked(
    *, reference: str, practice: Practice, user: User, at: dt.datetime, what: str = SESSION
) -> list[Message]:
    """The person has a reference to come back to; the practice, something new to look at.

    The words are those of a session and of a call alike. For whoever is about to lock the
    practitioner's time, which others wait for: the first mail of a process takes long to render.
    """
    mails = [
        _to_person(what, reference, user, "booked", "new", at),
        _to_practice(what, reference, practice, "practice_new", "new", at),
    ]
    return [mail for mail in mails if mail]


def tell_cancelled(booking: Booking, user: User, at: dt.datetime) -> None:
    _tell_person(booking, user, "changed", f"cancelled-{booking.undo_count}", at)
    _tell_practice(booking, "practice_changed", f"cancelled-{booking.undo_count}", at)


def prepare_moved(
    booking: Booking, user: User, at: dt.datetime, *, moves: int | None = None
) -> list[Message]:
    """Both have a new time to look at: of the next move, or of that number. As above."""
    news = f"moved-{moves or booking.move_count + 1}"
    mails = [
        _to_person(SESSION, booking.reference, user, "changed", news, at),
        _to_practice(SESSION, booking.reference, booking.practice, "practice_changed", news, at),
    ]
    return [mail for mail in mails if mail]


def tell_call_cancelled(call: FitCall, user: User, at: dt.datetime) -> None:
    """The person cancelled a call."""
    _tell_person_of_call(call, user, "changed", "cancelled", at)
    tell_practice_of_call(call, at)


def tell_call_off(call: FitCall, at: dt.datetime) -> None:
    """Not the person cancelled a call: they hear that something needs a look."""
    _tell_person_of_call(call, person_to_reach(call.subject), "changed", "cancelled", at)


def tell_practice_of_call(call: FitCall, at: dt.datetime) -> None:
    """Not the practice cancelled a call."""
    _tell_practice_of_call(call, "practice_changed", "cancelled", at)


def remind_of_call(call: FitCall, at: dt.datetime) -> None:
    """The day before."""
    _tell_person_of_call(call, person_to_reach(call.subject), "tomorrow", "tomorrow", at)


def warn_of_lapse(licence: Licence, *, days: int, at: dt.datetime) -> None:
    """The practice should renew a licence, once for each step: 30 and 14 days before."""
    practice = licence.practitioner.practice
    queue_message(
        key=f"licence-lapses:{licence.pk}:{licence.expires_on}:{days}",
        to=practice.contact_email,
        template="therapy_credits/mail/licence_lapses",
        context={
            "name": licence.practitioner.name,
            "number": licence.number,
            "expires_on": licence.expires_on,
        },
        language=_language(practice),
        at=at,
    )


def tell_practice_cancelled(booking: Booking, at: dt.datetime) -> None:
    """The practice cancelled: the person hears at once that something needs a look."""
    user = person_to_reach(booking.subject)
    _tell_person(booking, user, "changed", f"practice-cancelled-{booking.undo_count}", at)


def tell_put_right(source: Booking | SessionCode, at: dt.datetime) -> None:
    """A charge was undone: both should look."""
    user, news = person_to_reach(source.subject), f"put-right-{_undo_count(source)}"
    _tell_person(source, user, "changed", news, at)
    _tell_practice(source, "practice_changed", news, at)


def tell_given_back(booking: Booking, user: User, at: dt.datetime) -> None:
    """A session is theirs again. The practice is not told: nothing changes for it."""
    _tell_person(booking, user, "changed", "given-back", at)


def tell_decided(source: Booking | SessionCode, at: dt.datetime) -> None:
    """The care desk looked at what the person said of a session: it stays as it was."""
    user = person_to_reach(source.subject)
    _tell_person(source, user, "changed", f"stands-{_undo_count(source)}", at)


def ask_if_right(source: Booking | SessionCode, at: dt.datetime) -> None:
    """One neutral question after a session, answered by one tap on its page."""
    user = person_to_reach(source.subject)
    _tell_person(source, user, "was_this_right", f"was-this-right-{_undo_count(source)}", at)


def tell_search_answered(case: CareCase, at: dt.datetime) -> None:
    """The care desk has an answer; what it is stands on the person's page."""
    user, page = person_to_reach(case.subject), _url("therapy_credits:care")
    if user is not None:
        _write(f"case:{case.pk}:answered", user, "changed", case.reference, page, at)


def send_address_code(door: CareDoor, address: str, code: str, at: dt.datetime) -> None:
    """The code that proves who reads this address. Nothing of what is to come here."""
    queue_message(
        key=f"private-address:{door.pk}:{at.date()}:{door.codes_sent}",
        to=address,
        template="therapy_credits/mail/private_address",
        context={"code": code, "url": settings.BASE_URL},
        language=door.user.language,
        at=at,
    )


def tell_lead(lead: SafeguardingLead, concern: Concern, at: dt.datetime) -> None:
    """Somebody is worried: to be looked at the same working day. Of whom is behind sign-in."""
    queue_message(
        key=f"concern:{concern.pk}:{lead.pk}",
        to=lead.user.email,
        template="therapy_credits/mail/look_today",
        context={"url": _url("therapy_credits:concerns")},
        language=lead.user.language,
        at=at,
    )


def tell_low(pool: Pool, band: str, at: dt.datetime) -> None:
    """A pool fell a step: finance, and the partner where they gave an address. No number."""
    finance = User.objects.filter(
        pk__in=StaffGrant.objects.active(at=at).filter(role=Role.FINANCE).values("user")
    )
    addresses = {user.email: user.language for user in finance}
    if pool.alert_email:
        addresses.setdefault(pool.alert_email, "")
    for address, language in sorted(addresses.items()):
        queue_message(
            key=f"pool-low:{pool.pk}:{at.date()}:{tokens.digest('pool-low', address)[:16]}",
            to=address,
            template="therapy_credits/mail/pool_low",
            context={"pool": pool.name, "band": band},
            language=language,
            at=at,
        )


def _address_of(user: User) -> str:
    """Where mail about care goes: the person's private address, where they gave one; nowhere
    (empty) while it is not confirmed. They find everything on their page."""
    door = CareDoor.objects.filter(user=user).first()
    if door is None or door.gets_no_mail:
        return "" if door else user.email
    return door.address or user.email


def send_gift(gift: Gift, contact: str, secret: str, at: dt.datetime) -> None:
    """The link to a gift. It names nobody, no programme, and nothing of what it is."""
    queue_message(
        key=f"gift:{gift.pk}",
        to=contact,
        template="therapy_credits/mail/gift",
        context={
            "expires_at": gift.expires_at,
            "url": _url("therapy_credits:claim-link", secret),
        },
        language=gift.language,
        at=at,
    )


def tell_practice_changed(booking: Booking, at: dt.datetime) -> None:
    """The practice has something to look at that it did not do itself."""
    _tell_practice(booking, "practice_changed", f"released-{booking.undo_count}", at)


def remind_person(booking: Booking, at: dt.datetime) -> None:
    """The day before."""
    user = person_to_reach(booking.subject)
    _tell_person(booking, user, "tomorrow", f"tomorrow-{booking.move_count}", at)


def remind_practice(practice: Practice, *, count: int, day: dt.date, at: dt.datetime) -> None:
    """So many sessions wait for the practice's word. One mail a day at most."""
    queue_message(
        key=f"practice-to-confirm:{practice.pk}:{day}",
        to=practice.contact_email,
        template="therapy_credits/mail/practice_to_confirm",
        context={"count": count, "url": _url("therapy_credits:practice-bookings")},
        language=_language(practice),
        at=at,
    )


def invite_member(invitation: PracticeInvitation, secret: str, at: dt.datetime) -> None:
    """The link that makes somebody a member of a practice."""
    queue_message(
        key=f"practice-invitation:{invitation.pk}",
        to=invitation.email,
        template="therapy_credits/mail/practice_invitation",
        context={
            "practice": invitation.practice.name,
            "role": invitation.get_role_display(),
            "expires_at": invitation.expires_at,
            "url": _url("therapy_credits:practice-join", secret),
        },
        language=_language(invitation.practice),
        at=at,
    )


def warn_of_guessing(limit: str, window: int, at: dt.datetime) -> None:
    """Somebody may be guessing codes: care staff and admins hear of it, once a window and limit."""
    staff = User.objects.filter(
        pk__in=StaffGrant.objects.active(at=at)
        .filter(role__in=[Role.CARE, Role.ADMIN])
        .values("user")
    )
    for user in staff:
        queue_message(
            key=f"code-guessing:{window}:{limit}:{user.pk}",
            to=user.email,
            template="therapy_credits/mail/code_guessing",
            context={"limit": limit, "url": _url("therapy_credits:staff-practices")},
            language=user.language,
            at=at,
        )


def _tell_person(
    source: Booking | SessionCode, user: User | None, template: str, news: str, at: dt.datetime
) -> None:
    _promise(_to_person(_what(source), source.reference, user, template, news, at))


def _tell_practice(
    source: Booking | SessionCode, template: str, news: str, at: dt.datetime
) -> None:
    assert source.practice is not None  # of a code: whoever entered it
    _promise(_to_practice(_what(source), source.reference, source.practice, template, news, at))


def _what(source: Booking | SessionCode) -> str:
    return SESSION if isinstance(source, Booking) else CODE


def _undo_count(source: Booking | SessionCode) -> int:
    """How often it was told anew. A code that was undone stays spent."""
    return source.undo_count if isinstance(source, Booking) else 0


def _tell_person_of_call(
    call: FitCall, user: User | None, template: str, news: str, at: dt.datetime
) -> None:
    _promise(_to_person(CALL, call.reference, user, template, news, at))


def _tell_practice_of_call(call: FitCall, template: str, news: str, at: dt.datetime) -> None:
    practice = call.practitioner.practice
    _promise(_to_practice(CALL, call.reference, practice, template, news, at))


def _to_person(
    what: str, reference: str, user: User | None, template: str, news: str, at: dt.datetime
) -> Message | None:
    if user is None:
        return None  # who it was is forgotten
    page = (
        _url("therapy_credits:code") if what == CODE else _url(f"therapy_credits:{what}", reference)
    )
    return _prepare(f"{what}:{reference}:{news}", user, template, reference, page, at)


def _to_practice(
    what: str, reference: str, practice: Practice, template: str, news: str, at: dt.datetime
) -> Message | None:
    page = (
        _url("therapy_credits:practice-confirm")
        if what == CODE
        else _url(f"therapy_credits:practice-{what}", reference)
    )
    key = f"{what}:{reference}:practice:{news}"
    return _prepare(key, practice, template, reference, page, at)


def _write(
    key: str, reader: User | Practice, template: str, reference: str, page: str, at: dt.datetime
) -> None:
    _promise(_prepare(key, reader, template, reference, page, at))


def _promise(mail: Message | None) -> None:
    if mail:
        queue_prepared(mail)


def _prepare(
    key: str, reader: User | Practice, template: str, reference: str, page: str, at: dt.datetime
) -> Message | None:
    """A mail that says a reference, and where to read on after signing in, if they get mail."""
    if isinstance(reader, Practice):
        to, language = reader.contact_email, _language(reader)
    else:
        to, language = _address_of(reader), reader.language
    if not to:
        return None
    return prepare_message(
        key=key,
        to=to,
        template=f"therapy_credits/mail/{template}",
        context={"reference": reference, "url": page},
        language=language,
        at=at,
    )


def _url(name: str, *arguments: str) -> str:
    return settings.BASE_URL + reverse(name, args=arguments)


def _language(practice: Practice) -> str:
    spoken = (site_language(code, "") for code in practice.languages)
    return next(filter(None, spoken), settings.LANGUAGE_CODE)
