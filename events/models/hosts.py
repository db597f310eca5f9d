"""Who hosts an event: people, who are asked, say yes, and may do some things and not others."""

from __future__ import annotations

from datetime import datetime
from typing import Self

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from events.models.events import Event, Occurrence


class HostStatus(models.TextChoices):
    INVITED = "invited", _("Asked")
    ACCEPTED = "accepted", _("Hosts it")
    DECLINED = "declined", _("Said no")
    RESIGNED = "resigned", _("Has stopped")
    REMOVED = "removed", _("Taken back")


# What may become what. The database's trigger is written from this.
HOST_MOVES: dict[str, tuple[str, ...]] = {
    HostStatus.INVITED: (HostStatus.ACCEPTED, HostStatus.DECLINED, HostStatus.REMOVED),
    HostStatus.ACCEPTED: (HostStatus.RESIGNED, HostStatus.REMOVED),
}
_MOVES_SQL = ", ".join(f"('{old}', '{new}')" for old, news in HOST_MOVES.items() for new in news)


class HostLevel(models.TextChoices):
    HOST = "host", _("Host: who comes, the door, writing to people")
    COHOST = "cohost", _("Co-host: the same, and the words of the event")


class HostQuerySet(models.QuerySet["Host"]):
    def standing(self) -> Self:
        """Asked or accepted."""
        return self.filter(status__in=[HostStatus.INVITED, HostStatus.ACCEPTED])

    def accepted(self) -> Self:
        return self.filter(status=HostStatus.ACCEPTED)

    def shown(self) -> Self:
        """Those the event's page names, in their order."""
        return self.accepted().filter(is_shown=True).order_by("position", "pk")

    def open(self, *, at: datetime) -> Self:
        """Invitations that can still be answered."""
        return self.filter(status=HostStatus.INVITED, expires_at__gt=at)


class Host(models.Model):
    """(event, person): asked by mail, and a host from their yes until it ends.

    It is for all dates of the event. Who is asked anew after an end has a row anew; the old one
    says what they hosted.
    """

    event = models.ForeignKey(
        Event, models.PROTECT, verbose_name=_("event"), related_name="hosting"
    )
    email = models.EmailField(_("e-mail address"))
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        verbose_name=_("person"),
        null=True,
        blank=True,
        related_name="hosting",
    )
    status = models.CharField(
        _("status"), max_length=10, choices=HostStatus, default=HostStatus.INVITED
    )
    level = models.CharField(
        _("what they may do"), max_length=8, choices=HostLevel, default=HostLevel.HOST
    )
    name = models.CharField(_("name on the page"), max_length=120, blank=True)
    is_shown = models.BooleanField(_("named on the event's page"), default=True)
    position = models.PositiveSmallIntegerField(_("order"), default=0)
    # Answers of their calendar program name this, as they name an RSVP.
    reference = models.CharField(_("reference"), max_length=12, unique=True, editable=False)
    # What their calendar adds to a date's SEQUENCE: an end, and a beginning after an end, are
    # changes of theirs though the date is as it was.
    sequence = models.PositiveSmallIntegerField(_("changes of theirs"), default=0, editable=False)
    secret_digest = models.CharField(max_length=64, unique=True, editable=False)
    invited_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, verbose_name=_("asked by"), related_name="+"
    )
    invited_at = models.DateTimeField(_("asked"))
    sent_at = models.DateTimeField(_("mail sent"))
    sent_count = models.PositiveSmallIntegerField(_("mails sent"), default=1)
    expires_at = models.DateTimeField(_("the link runs out"))
    accepted_at = models.DateTimeField(_("said yes"), null=True, blank=True)
    changed_at = models.DateTimeField(_("changed"))
    ended_at = models.DateTimeField(_("ended"), null=True, blank=True)

    objects = HostQuerySet.as_manager()

    class Meta:
        verbose_name = _("host")
        verbose_name_plural = _("hosts")
        constraints = [
            models.CheckConstraint(
                condition=Q(status__in=["invited", "accepted", "declined", "resigned", "removed"]),
                name="host_status_known",
            ),
            models.CheckConstraint(
                condition=Q(level__in=["host", "cohost"]), name="host_level_known"
            ),
            models.CheckConstraint(
                condition=Q(accepted_at__isnull=True, person__isnull=True, name="")
                | (Q(accepted_at__isnull=False, person__isnull=False) & ~Q(name="")),
                name="host_said_yes_as_somebody",
            ),
            models.CheckConstraint(
                condition=Q(status__in=["invited", "declined"], accepted_at__isnull=True)
                | Q(status__in=["accepted", "resigned"], accepted_at__isnull=False)
                | Q(status="removed"),
                name="host_status_as_answered",
            ),
            models.CheckConstraint(
                condition=Q(status__in=["invited", "accepted"], ended_at__isnull=True)
                | Q(status__in=["declined", "resigned", "removed"], ended_at__isnull=False),
                name="host_ended_when_over",
            ),
            models.UniqueConstraint(
                fields=["event", "email"],
                condition=Q(status__in=["invited", "accepted"]),
                name="host_asked_once",
            ),
            models.UniqueConstraint(
                fields=["event", "person"],
                condition=Q(status="accepted"),
                name="host_once_per_person",
            ),
        ]
        triggers = [
            pgtrigger.Trigger(
                name="status_moves_legally",
                when=pgtrigger.Before,
                operation=pgtrigger.UpdateOf("status"),
                func=f"""
                    IF NEW.status <> OLD.status
                       AND (OLD.status, NEW.status) NOT IN ({_MOVES_SQL}) THEN
                        RAISE EXCEPTION 'a host may not go from "%" to "%"',
                            OLD.status, NEW.status
                            USING ERRCODE = 'check_violation',
                                  CONSTRAINT = 'host_status_moves_legally';
                    END IF;
                    RETURN NEW;
                """,
            ),
            pgtrigger.Trigger(
                name="event_has_hosts",
                when=pgtrigger.After,
                operation=pgtrigger.Insert | pgtrigger.UpdateOf("status"),
                condition=pgtrigger.Q(new__status="accepted"),
                func="""
                    UPDATE events_event SET has_hosts = true
                    WHERE id = NEW.event_id AND NOT has_hosts;
                    RETURN NULL;
                """,
            ),
        ]

    def __str__(self) -> str:
        return self.reference

    @property
    def is_accepted(self) -> bool:
        return self.status == HostStatus.ACCEPTED

    @property
    def is_invited(self) -> bool:
        return self.status == HostStatus.INVITED

    @property
    def is_cohost(self) -> bool:
        return self.level == HostLevel.COHOST

    def is_open(self, *, at: datetime) -> bool:
        """Whether the invitation can still be answered."""
        return self.is_invited and at < self.expires_at

    def hosts(self, occurrence: Occurrence) -> bool:
        """Whether this date is, or was, theirs: not over before their yes, nor after an end."""
        if self.accepted_at is None or occurrence.ends_at <= self.accepted_at:
            return False
        return self.ended_at is None or occurrence.ends_at <= self.ended_at
