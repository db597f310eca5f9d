"""Mail that came in: a question about an event, one for the care desk, and a calendar's answer."""

from __future__ import annotations

from email.message import EmailMessage

from django.conf import settings

from calendars.services.inbound import receive
from common.reply_addresses import reply_address
from events.models import Rsvp
from portal.management.demo.world import World


def write_to_us(world: World) -> None:
    coming = Rsvp.objects.going().filter(user__isnull=False, occurrence__starts_at__gt=world.at)
    rsvp = coming.select_related("occurrence", "user").order_by("pk").first()
    if rsvp is None:
        return
    about = reply_address(rsvp.reference)
    _send(world, rsvp.email, about, "Getting in", "Is there a way in without stairs?", hours=20)
    hello = f"hello@{settings.MAIL_DOMAIN}"
    _send(world, rsvp.email, hello, "A question", "Whom can I ask about sessions?", hours=3)
    _send(world, rsvp.email, about, "Accepted", "", hours=2, calendar=_yes(rsvp, world))


def _send(
    world: World,
    sender: str,
    to: str,
    subject: str,
    text: str,
    *,
    hours: float,
    calendar: str = "",
) -> None:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = sender, to, subject
    mail["Message-ID"] = f"<demo-{hours}@example.org>"
    mail.set_content(text)
    if calendar:
        mail.add_alternative(calendar, subtype="calendar", params={"method": "REPLY"})
    receive(raw=mail.as_bytes(), at=world.ago(hours=hours))


def _yes(rsvp: Rsvp, world: World) -> str:
    """Not proved to come from who it says, as nothing is on a laptop: it shows as not applied."""
    lines = [
        *("BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//Demo//EN", "METHOD:REPLY", "BEGIN:VEVENT"),
        f"UID:{rsvp.calendar_uid}",
        f"DTSTAMP:{world.ago(hours=2):%Y%m%dT%H%M%SZ}",
        f"ATTENDEE;PARTSTAT=ACCEPTED:mailto:{rsvp.email}",
        *("END:VEVENT", "END:VCALENDAR", ""),
    ]
    return "\r\n".join(lines)
