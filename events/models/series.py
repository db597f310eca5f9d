"""An event that comes back, and people who come every time."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, ClassVar, Self
from zoneinfo import ZoneInfo

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Lower
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.translation import gettext, ngettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from common import tokens
from common.text import listed
from common.when import clock
from events.domain.recurrence import Rule, Start, start_on
from events.models.events import Event, Occurrence

if TYPE_CHECKING:
    from accounts.models import User

WEEKDAYS = [
    (0, pgettext_lazy("inside a sentence", "Monday")),
    (1, pgettext_lazy("inside a sentence", "Tuesday")),
    (2, pgettext_lazy("inside a sentence", "Wednesday")),
    (3, pgettext_lazy("inside a sentence", "Thursday")),
    (4, pgettext_lazy("inside a sentence", "Friday")),
    (5, pgettext_lazy("inside a sentence", "Saturday")),
    (6, pgettext_lazy("inside a sentence", "Sunday")),
]
MONTH_WEEKS = [
    (1, _("first")),
    (2, _("second")),
    (3, _("third")),
    (4, _("fourth")),
    (-1, _("last")),
]


class Series(models.Model):
    """A rule by which an event comes back, at the same hour of its own zone's wall clock.

    Its dates are ordinary occurrences, made ahead by ``events.services.series``. A change of
    "this and following" ends this rule and begins another, so an event may have several, one
    after the other, and what has been keeps the rule it was made by.
    """

    class Frequency(models.TextChoices):
        DAILY = "daily", _("Every day, or every few days")
        WEEKLY = "weekly", _("Every week, or every few weeks")
        MONTHLY = "monthly", _("Every month, or every few months")

    event = models.ForeignKey(Event, models.PROTECT, verbose_name=_("event"), related_name="series")
    frequency = models.CharField(_("how often"), max_length=8, choices=Frequency.choices)
    interval = models.PositiveSmallIntegerField(_("every so many"), default=1)
    weekdays = ArrayField(models.PositiveSmallIntegerField(choices=WEEKDAYS), default=list)
    month_week = models.SmallIntegerField(null=True, blank=True, choices=MONTH_WEEKS)
    month_day = models.SmallIntegerField(null=True, blank=True)
    starts_on = models.DateField(_("first day"))
    starts_clock = models.TimeField(_("starts"), help_text=_("On the wall clock of the zone."))
    minutes = models.PositiveIntegerField(_("length in minutes"))
    time_zone = models.CharField(_("time zone"), max_length=64)
    ends_on = models.DateField(_("last day"), null=True, blank=True)
    count = models.PositiveIntegerField(_("how many dates"), null=True, blank=True)
    capacity = models.PositiveIntegerField(_("places on each date"), null=True, blank=True)
    excluded_on = ArrayField(models.DateField(), verbose_name=_("days left out"), default=list)
    # Up to this day its dates have been made; later ones are still to come.
    made_until = models.DateField()
    # Calendar identity of the whole series (RFC 5545): as an occurrence's, for the master entry.
    uid = models.CharField(_("calendar UID"), max_length=200, unique=True)
    sequence = models.PositiveIntegerField(_("calendar sequence"), default=0)
    revised_at = models.DateTimeField(_("revised"))

    class Meta:
        verbose_name = _("series")
        verbose_name_plural = _("series")
        constraints = [
            models.CheckConstraint(
                condition=Q(frequency="daily", weekdays=[], month_week=None, month_day=None)
                | (Q(frequency="weekly", month_week=None, month_day=None) & ~Q(weekdays=[]))
                | Q(frequency="monthly", weekdays__len=1, month_week__isnull=False, month_day=None)
                | Q(frequency="monthly", weekdays=[], month_week=None, month_day__isnull=False),
                name="series_rule_is_whole",
            ),
            models.CheckConstraint(
                condition=Q(interval__gte=1, interval__lte=52), name="series_interval_counted"
            ),
            models.CheckConstraint(
                condition=Q(month_day=None) | Q(month_day=-1) | Q(month_day__range=(1, 31)),
                name="series_month_day_exists",
            ),
            models.CheckConstraint(
                condition=Q(month_week=None) | Q(month_week__in=[-1, 1, 2, 3, 4]),
                name="series_month_week_exists",
            ),
            models.CheckConstraint(
                condition=Q(ends_on=None) | Q(count=None), name="series_ends_one_way"
            ),
            models.CheckConstraint(
                condition=Q(count=None) | Q(count__gte=1), name="series_count_counted"
            ),
            models.CheckConstraint(
                condition=Q(minutes__range=(1, 7 * 24 * 60)), name="series_lasts_a_while"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.event}: {self.in_words}"

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.time_zone)

    @property
    def rule(self) -> Rule:
        return Rule(
            frequency=self.frequency,  # type: ignore[arg-type]  # the constraint knows no other
            interval=self.interval,
            weekdays=tuple(sorted(self.weekdays)),
            month_week=self.month_week,
            month_day=self.month_day,
            starts_on=self.starts_on,
            ends_on=self.ends_on,
            count=self.count,
        )

    @property
    def rrule(self) -> str:
        """The value of RRULE for a master entry that starts at ``first_start``."""
        return self.rule.text(starts_at=self.starts_clock, zone=self.zone)

    @property
    def first_day(self) -> date | None:
        """The first of its days, left out or not; DTSTART must be one of them (§3.8.5.3)."""
        return next(self.rule.days(), None)

    @property
    def duration(self) -> timedelta:
        """How long each date lasts, by the stopwatch: also when the clocks change meanwhile."""
        return timedelta(minutes=self.minutes)

    def start_on(self, day: date) -> Start:
        """When its date of that day starts."""
        return start_on(day, self.starts_clock, self.zone)

    def wall_start(self, day: date) -> datetime:
        """The same on the wall clock, without a zone: what EXDATE and RECURRENCE-ID name."""
        return datetime.combine(day, self.starts_clock)

    @property
    def excluded(self) -> list[datetime]:
        """The wall-clock starts that the rule names and the series leaves out (EXDATE)."""
        return [self.wall_start(day) for day in sorted(self.excluded_on)]

    @property
    def in_words(self) -> str:
        """ "Every Thursday, 18:00–19:30, until 30 July 2026"."""
        parts = [self._days_in_words(), f"{clock(self._on_some_day())}–{self._ends_in_words()}"]
        if self.ends_on:
            parts.append(gettext("until %(day)s") % {"day": date_format(self.ends_on)})
        elif self.count:
            parts.append(
                ngettext("%(count)d time", "%(count)d times", self.count) % {"count": self.count}
            )
        return listed(parts)

    def _on_some_day(self) -> datetime:
        return self.wall_start(self.starts_on)

    def _ends_in_words(self) -> str:
        return clock(self._on_some_day() + self.duration)

    def _days_in_words(self) -> str:
        every = self.interval
        if self.frequency == self.Frequency.DAILY:
            return ngettext("Every day", "Every %(count)d days", every) % {"count": every}
        if self.frequency == self.Frequency.WEEKLY:
            named = dict(WEEKDAYS)
            days = listed(named[number] for number in sorted(self.weekdays))
            return ngettext("Every %(days)s", "Every %(count)d weeks on %(days)s", every) % {
                "count": every,
                "days": days,
            }
        if self.month_week is not None:
            which = dict(MONTH_WEEKS)[self.month_week]
            day = gettext("the %(which)s %(day)s") % {
                "which": which,
                "day": dict(WEEKDAYS)[self.weekdays[0]],
            }
        elif self.month_day == -1:
            day = gettext("the last day")
        else:
            day = gettext("day %(number)d") % {"number": self.month_day}
        return ngettext("Every month on %(day)s", "Every %(count)d months on %(day)s", every) % {
            "count": every,
            "day": day,
        }


class SeriesRsvpQuerySet(models.QuerySet["SeriesRsvp"]):
    def active(self) -> Self:
        """Those new dates join, first come first served."""
        return self.filter(status=SeriesRsvp.Status.ACTIVE).order_by("placed_at", "pk")

    def undecided(self) -> Self:
        """Those the hosts have to answer: requests, and who came before hosts decided."""
        came_before = Q(status=SeriesRsvp.Status.ACTIVE, is_approved=None)
        asked = Q(status=SeriesRsvp.Status.APPLIED)
        return self.filter(asked | came_before, event__needs_approval=True)

    def of_person(self, user: User | None, email: str) -> Self:
        """What this person has said, as a user or as a guest."""
        person = Q(user=None, address=email.lower())
        if user is not None:
            person |= Q(user=user)
        return self.alias(address=Lower("guest_email")).filter(person)


class SeriesRsvp(models.Model):
    """One person's yes to every date of an event that comes back, also to those not made yet.

    Their answer for each date is an ordinary RSVP. A date they left, or that ``leaves_out``
    names, is not joined again.
    """

    class Status(models.TextChoices):
        PENDING = "pending", _("Waiting for you to confirm")
        APPLIED = "applied", _("Asked to come every time")
        ACTIVE = "active", _("Coming every time")
        REFUSED = "refused", _("Not possible every time")
        ENDED = "ended", _("Ended")

    STANDING: ClassVar[tuple[str, ...]] = (Status.PENDING, Status.APPLIED, Status.ACTIVE)

    event = models.ForeignKey(
        Event, models.PROTECT, verbose_name=_("event"), related_name="series_rsvps"
    )
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        verbose_name=_("person"),
        null=True,
        blank=True,
        related_name="series_rsvps",
    )
    guest_name = models.CharField(_("name"), max_length=120, blank=True)
    guest_email = models.EmailField(_("e-mail address"), blank=True)
    language = models.CharField(_("language of mails"), max_length=12, default="en")
    party_size = models.PositiveSmallIntegerField(_("people"), default=1)
    companions = ArrayField(
        models.CharField(max_length=120),
        verbose_name=_("names of those who come along"),
        default=list,
        blank=True,
    )
    status = models.CharField(_("status"), max_length=8, choices=Status.choices)
    reference = models.CharField(_("reference"), max_length=12, unique=True, editable=False)
    left_out = ArrayField(models.BigIntegerField(), verbose_name=_("dates left out"), default=list)
    # Days of the rule that were left out before their dates were made.
    days_left_out = ArrayField(models.DateField(), default=list, blank=True, editable=False)
    # One decision for all dates. None where it was not asked for.
    is_approved = models.BooleanField(
        _("what the hosts said to the request"), null=True, blank=True, editable=False
    )
    placed_at = models.DateTimeField(_("answered"))
    changed_at = models.DateTimeField(_("changed"))
    # When the mail with all their dates was promised.
    told_at = models.DateTimeField(null=True, blank=True)
    # How their calendar has it: one entry that repeats, or each date by itself.
    is_repeating = models.BooleanField(_("one entry that repeats"), default=True)
    # How often that entry was another one for this person alone, and how often it began anew.
    sequence = models.PositiveIntegerField(_("calendar sequence"), default=0)
    uid_generation = models.PositiveSmallIntegerField(_("generation of the UID"), default=0)

    objects = SeriesRsvpQuerySet.as_manager()

    class Meta:
        verbose_name = _("RSVP to a series")
        verbose_name_plural = _("RSVPs to series")
        constraints = [
            models.CheckConstraint(
                condition=Q(status__in=["pending", "applied", "active", "refused", "ended"]),
                name="series_rsvp_status_known",
            ),
            models.CheckConstraint(
                condition=~Q(is_approved=False) | Q(status="refused"),
                name="series_rsvp_refused_has_ended",
            ),
            models.CheckConstraint(
                condition=Q(party_size__gte=1, party_size__lte=50),
                name="series_rsvp_party_counted",
            ),
            models.CheckConstraint(
                condition=Q(user__isnull=False, guest_email="")
                | (Q(user__isnull=True) & ~Q(guest_email="")),
                name="series_rsvp_user_or_guest",
            ),
            models.UniqueConstraint(
                fields=["event", "user"],
                condition=Q(status__in=["pending", "applied", "active"], user__isnull=False),
                name="series_rsvp_once_per_user",
            ),
            models.UniqueConstraint(
                F("event"),
                Lower("guest_email"),
                condition=Q(status__in=["pending", "applied", "active"], user__isnull=True),
                name="series_rsvp_once_per_guest",
            ),
        ]

    def __str__(self) -> str:
        return self.reference

    @property
    def name(self) -> str:
        return (self.user.name or self.user.email) if self.user else self.guest_name

    @property
    def name_for_hosts(self) -> str:
        """The same for hosts, who see nobody's address. Needs ``user`` selected."""
        return (self.user.name if self.user else self.guest_name) or gettext("No name given")

    @property
    def email(self) -> str:
        return self.user.email if self.user else self.guest_email

    @property
    def token(self) -> str:
        """The secret of the link that looks after it: derived, so never stored."""
        return f"{self.reference}-{tokens.derive('series-rsvp-link', self.reference, 0)}"

    @property
    def manage_path(self) -> str:
        return reverse("events:series-rsvp", args=[self.token])

    def calendar_uid(self, series: Series) -> str:
        """The UID of this person's entry for one rule: the rule's own, until it began anew."""
        if not self.uid_generation:
            return series.uid
        return f"{self.uid_generation}-{self.reference.lower()}-{series.uid}"

    @property
    def is_pending(self) -> bool:
        return self.status == self.Status.PENDING

    @property
    def is_active(self) -> bool:
        return self.status == self.Status.ACTIVE

    @property
    def is_applied(self) -> bool:
        return self.status == self.Status.APPLIED

    @property
    def is_standing(self) -> bool:
        return self.status in self.STANDING

    def joins(self, event: Event) -> bool:
        """Whether they come to dates by themselves, as the event is now."""
        if event.is_priced:
            return False  # each date is paid for by itself
        return self.is_active and (self.is_approved is True or not event.needs_approval)

    def leaves_out(self, occurrence: Occurrence) -> bool:
        """Whether they said beforehand that they do not come to this date."""
        return occurrence.pk in self.left_out or occurrence.recurrence_on in self.days_left_out
