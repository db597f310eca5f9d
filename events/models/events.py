"""An event is words, a place and rules; its occurrences are the dates it happens on."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Self
from zoneinfo import ZoneInfo

import pgtrigger
from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Exists, F, OuterRef, Q
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import cached_property
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.models import ApiKey, Role, StaffGrant, User
from ambassadors.models import Enrolment, Programme
from common import tokens
from common.money import show_money
from common.text import listed
from payments.domain.currencies import CURRENCIES

if TYPE_CHECKING:
    from events.models.hosts import Host


def new_uid() -> str:
    """A calendar UID that survives every rename: random, and stored with the date."""
    return f"{uuid.uuid4()}@{settings.MAIL_DOMAIN}"


class Format(models.TextChoices):
    IN_PERSON = "in_person", _("In person")
    ONLINE = "online", _("Online")
    HYBRID = "hybrid", _("In person and online")


class Visibility(models.TextChoices):
    PUBLIC = "public", _("Public: everyone, on the list and in the feed")
    UNLISTED = "unlisted", _("Unlisted: everyone who has the link")
    PROGRAMME = "programme", _("Programme only: active ambassadors of its programme")
    AMBASSADORS = "ambassadors", _("Ambassadors only: active in any programme")


# What events are held in; names as a reader of the site's language says them.
LANGUAGES = [
    ("en", _("English")),
    ("es", _("Spanish")),
    ("pt", _("Portuguese")),
    ("fr", _("French")),
    ("de", _("German")),
    ("ar", _("Arabic")),
    ("it", _("Italian")),
    ("nl", _("Dutch")),
    ("pl", _("Polish")),
    ("sv", _("Swedish")),
    ("hi", _("Hindi")),
    ("ja", _("Japanese")),
    ("bfi", _("British Sign Language")),
    ("ase", _("American Sign Language")),
]


# Who has the link may see these, whoever they are.
OPEN_TO_ALL = (Visibility.PUBLIC, Visibility.UNLISTED)


class Topic(models.TextChoices):
    STRESS = "stress", _("Stress and burnout")
    SLEEP = "sleep", _("Sleep")
    TOURING = "touring", _("Life on tour")
    STAGE = "stage", _("Nerves and performing")
    COMMUNITY = "community", _("Community")
    MOVEMENT = "movement", _("Movement and body")
    MINDFULNESS = "mindfulness", _("Mindfulness")
    HEARING = "hearing", _("Hearing")
    MONEY = "money", _("Money and work")
    CREATIVITY = "creativity", _("Creativity")
    LOSS = "loss", _("Loss and change")
    SOBRIETY = "sobriety", _("Sober and sober-curious")


class OfferHours(models.IntegerChoices):
    """What happens with a place that becomes free: given at once, or kept for an answer."""

    AT_ONCE = 0, _("Give it at once, and write")
    ONE = 1, _("Offer it for 1 hour")
    SIX = 6, _("Offer it for 6 hours")
    DAY = 24, _("Offer it for a day")
    TWO_DAYS = 48, _("Offer it for two days")


class PriceKind(models.TextChoices):
    """What a place costs, for each person of a party."""

    FREE = "free", _("Nothing")
    FIXED = "fixed", _("A fixed price")
    OPEN = "open", _("What each person wants to pay")
    DEPOSIT = "deposit", _("A deposit, given back to everybody who comes")


class RefundHours(models.IntegerChoices):
    """Until when whoever leaves is given back what they paid, in hours before the start."""

    START = 0, _("Until it begins")
    TWO_HOURS = 2, _("Until two hours before")
    DAY = 24, _("Until a day before")
    TWO_DAYS = 48, _("Until two days before")
    THREE_DAYS = 72, _("Until three days before")
    WEEK = 168, _("Until a week before")
    TWO_WEEKS = 336, _("Until two weeks before")


# Labels are the codes: those who set a price know theirs.
CHOICES_OF_CURRENCY = [(code, code) for code in CURRENCIES]


class ReminderHours(models.IntegerChoices):
    """When people may be reminded, in hours before the start."""

    WEEK = 168, _("A week before")
    TWO_DAYS = 48, _("Two days before")
    DAY = 24, _("A day before")
    TWO_HOURS = 2, _("Two hours before")
    HOUR = 1, _("One hour before")


def usual_reminders() -> list[int]:
    return [int(ReminderHours.DAY), int(ReminderHours.TWO_HOURS)]


class SurveyKind(models.TextChoices):
    OFF = "off", _("Ask nothing")
    SHORT = "short", _("Three questions: was it good, felt welcome, would come again")
    HEALTH = "health", _("The same, and whether it helped them look after themselves")


# How long after a date its hosts still see who came: as long as what people said about access.
HOSTS_SEE_FOR = timedelta(days=14)


class EventQuerySet(models.QuerySet["Event"]):
    def visible_to(self, user: User | AnonymousUser, *, at: datetime | None = None) -> Self:
        """Events this user may open. Every page and feed starts here; drafts are not among them.

        ``at`` is the moment at which enrolments and grants count, by default now.
        """
        seen = Q(visibility__in=OPEN_TO_ALL)
        if user.is_authenticated:
            at = at or timezone.now()
            enrolled = Enrolment.objects.active(at=at).filter(user=user)
            seen |= Q(Exists(enrolled), visibility=Visibility.AMBASSADORS)
            seen |= Q(
                visibility=Visibility.PROGRAMME, programme__in=enrolled.values("term__programme")
            )
            seen |= _run_by(user, at)
            # Who hosts an event sees it, though they are in no programme.
            seen |= Q(pk__in=user.hosting.accepted().values("event"))
        return self.exclude(status=Event.Status.DRAFT).filter(seen)

    def reached_by(self, key: ApiKey) -> Self:
        """Events a program with ``key`` may read: all that are not drafts, or of its programmes
        and of those anybody may open."""
        found = self.exclude(status=Event.Status.DRAFT)
        if key.programme_ids is None:
            return found
        own = Programme.objects.reached_by(key)
        return found.filter(Q(visibility__in=OPEN_TO_ALL) | Q(programme__in=own))

    def editable_by(self, user: User | AnonymousUser, *, at: datetime) -> Self:
        """Events this coordinator runs, drafts too. The staff console starts here."""
        if not user.is_authenticated:
            return self.none()
        return self.filter(_run_by(user, at))

    def hosted_by(self, user: User | AnonymousUser, *, at: datetime) -> Self:
        """Events at which this person works as a host: not drafts, nor what is over for long."""
        if not isinstance(user, User):
            return self.none()
        dates = Occurrence.objects.open_to_hosts(at=at).filter(event=OuterRef("pk"))
        mine = user.hosting.accepted().values("event")
        return self.exclude(status=Event.Status.DRAFT).filter(Exists(dates), pk__in=mine)

    def listed(self) -> Self:
        """Those a list, a feed or a search may name. An unlisted event is found by its link."""
        return self.exclude(visibility=Visibility.UNLISTED)


def _run_by(user: User, at: datetime) -> Q:
    """Which events a coordinator runs: every one, or those of their programmes."""
    grants = StaffGrant.objects.active(at=at).filter(user=user, role=Role.COORDINATOR)
    programmes = Programme.objects.run_by(user, Role.COORDINATOR, at=at)
    return Q(Exists(grants.filter(all_programmes=True))) | Q(programme__in=programmes)


class Event(models.Model):
    """A wellness event. When it happens is in its occurrences."""

    class Status(models.TextChoices):
        DRAFT = "draft", _("Draft")
        PUBLISHED = "published", _("Published")
        CANCELLED = "cancelled", _("Cancelled")
        COMPLETED = "completed", _("Completed")

    slug = models.SlugField(_("address"), max_length=80, unique=True)
    status = models.CharField(
        _("status"), max_length=12, choices=Status.choices, default=Status.DRAFT
    )
    visibility = models.CharField(
        _("who can see it"), max_length=12, choices=Visibility.choices, default=Visibility.PUBLIC
    )
    programme = models.ForeignKey(
        Programme,
        models.PROTECT,
        verbose_name=_("programme"),
        null=True,
        blank=True,
        related_name="events",
    )
    # Words
    title = models.CharField(_("title"), max_length=120)
    summary = models.CharField(_("summary"), max_length=240, blank=True)
    body = models.TextField(_("about this event"), blank=True)
    hosts = models.CharField(_("hosts"), max_length=240, blank=True)
    language = models.CharField(_("language"), max_length=12, default="en")
    topics = ArrayField(
        models.CharField(max_length=16, choices=Topic.choices),
        verbose_name=_("topics"),
        default=list,
        blank=True,
    )
    access_notes = models.TextField(_("accessibility"), blank=True)
    content_notes = models.TextField(_("content notes"), blank=True)
    # A photograph in place of the drawn picture: EventPhoto holds it, this names what it holds.
    photo_name = models.CharField(
        _("name of the photograph"), max_length=20, blank=True, editable=False
    )
    photo_alt = models.CharField(
        _("what the photograph shows"), max_length=200, blank=True, editable=False
    )
    # Where
    format = models.CharField(
        _("format"), max_length=12, choices=Format.choices, default=Format.IN_PERSON
    )
    time_zone = models.CharField(_("time zone"), max_length=64, default="UTC")
    place_name = models.CharField(_("place"), max_length=120, blank=True)
    address = models.CharField(_("address of the place"), max_length=240, blank=True)
    online_url = models.URLField(_("online link"), max_length=500, blank=True)
    # Coming
    max_plus_ones = models.PositiveSmallIntegerField(_("plus-ones allowed"), default=0)
    rsvp_opens_at = models.DateTimeField(_("RSVP opens"), null=True, blank=True)
    rsvp_closes_at = models.DateTimeField(_("RSVP closes"), null=True, blank=True)
    minimum_age = models.PositiveSmallIntegerField(_("minimum age"), default=18)
    needs_approval = models.BooleanField(_("hosts decide who comes"), default=False)
    # What it costs, for each person, in minor units
    price_kind = models.CharField(
        _("price"), max_length=8, choices=PriceKind.choices, default=PriceKind.FREE
    )
    currency = models.CharField(_("currency"), max_length=3, blank=True)
    # The price, the deposit, or what is suggested where people choose.
    price_minor = models.PositiveBigIntegerField(_("amount"), null=True, blank=True)
    least_minor = models.PositiveBigIntegerField(_("at least"), null=True, blank=True)
    # Empty: nothing goes back by itself. A deposit has its own rule.
    refund_hours = models.PositiveSmallIntegerField(
        _("who leaves gets it back"), choices=RefundHours.choices, null=True, blank=True
    )
    # When it is full
    offer_hours = models.PositiveSmallIntegerField(
        _("a place that becomes free"),
        choices=OfferHours.choices,
        default=OfferHours.AT_ONCE,
    )
    skips_large_parties = models.BooleanField(
        _("pass over a party that is too large for what is free"), default=True
    )
    # Before and after
    reminder_hours = ArrayField(
        models.PositiveSmallIntegerField(choices=ReminderHours.choices),
        verbose_name=_("reminders"),
        default=usual_reminders,
        blank=True,
    )
    survey = models.CharField(
        _("afterwards, ask who came"),
        max_length=8,
        choices=SurveyKind.choices,
        default=SurveyKind.OFF,
    )
    # Duty of care: asked for before publishing
    safety_lead = models.CharField(_("safety lead"), max_length=120, blank=True)
    host_briefing = models.TextField(_("host briefing"), blank=True)
    emergency_number = models.CharField(_("emergency number"), max_length=40, blank=True)
    emergency_address = models.CharField(_("emergency address"), max_length=240, blank=True)
    quiet_space = models.CharField(_("quiet space"), max_length=240, blank=True)
    recording_note = models.CharField(_("recording"), max_length=240, blank=True)

    # Whether anybody ever said yes to hosting it: kept by a trigger, so that an answer to an event
    # that nobody hosts need not ask.
    has_hosts = models.BooleanField(_("has hosts"), default=False, editable=False)

    cancelled_at = models.DateTimeField(_("cancelled"), null=True, blank=True, editable=False)
    cancellation_note = models.TextField(_("message when cancelled"), blank=True)
    version = models.PositiveIntegerField(_("version"), default=1)
    edited_at = models.DateTimeField(_("last edited"), null=True, blank=True)
    edited_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        verbose_name=_("last edited by"),
        null=True,
        blank=True,
        related_name="+",
    )
    published_at = models.DateTimeField(_("published"), null=True, blank=True)
    # A link to the draft for people without a role: odd while it opens, and each new one is new.
    share_generation = models.PositiveIntegerField(_("generation of the link"), default=0)

    objects = EventQuerySet.as_manager()

    class Meta:
        verbose_name = _("event")
        verbose_name_plural = _("events")
        constraints = [
            models.CheckConstraint(
                condition=Q(status__in=["draft", "published", "cancelled", "completed"]),
                name="event_status_known",
            ),
            models.CheckConstraint(
                condition=Q(visibility__in=["public", "unlisted", "programme", "ambassadors"]),
                name="event_visibility_known",
            ),
            models.CheckConstraint(
                condition=Q(format__in=["in_person", "online", "hybrid"]),
                name="event_format_known",
            ),
            models.CheckConstraint(
                condition=~Q(visibility="programme") | Q(programme__isnull=False),
                name="event_programme_only_names_it",
            ),
            models.CheckConstraint(
                condition=Q(status="draft")
                | (
                    ~Q(safety_lead="")
                    & ~Q(host_briefing="")
                    & ~Q(emergency_number="")
                    & ~Q(quiet_space="")
                    & (Q(format="online") | ~Q(emergency_address=""))
                    & Q(published_at__isnull=False)
                ),
                name="event_cared_for_before_published",
            ),
            models.CheckConstraint(
                condition=Q(rsvp_opens_at__isnull=True)
                | Q(rsvp_closes_at__isnull=True)
                | Q(rsvp_closes_at__gt=F("rsvp_opens_at")),
                name="event_rsvp_window_forward",
            ),
            models.CheckConstraint(
                condition=Q(offer_hours__lte=48), name="event_offers_two_days_at_most"
            ),
            models.CheckConstraint(
                condition=Q(price_kind="free", currency="", price_minor=None, least_minor=None)
                | Q(
                    price_kind__in=["fixed", "deposit"],
                    currency__regex=r"^[A-Z]{3}$",
                    price_minor__isnull=False,
                    price_minor__gt=0,
                    least_minor=None,
                )
                | (
                    Q(
                        price_kind="open",
                        currency__regex=r"^[A-Z]{3}$",
                        least_minor__isnull=False,
                    )
                    & (Q(price_minor=None) | Q(price_minor__gte=F("least_minor")))
                ),
                name="event_price_is_whole",
            ),
            models.CheckConstraint(
                condition=Q(refund_hours=None)
                | Q(price_kind__in=["fixed", "open"], refund_hours__lte=336),
                name="event_gives_back_what_is_paid",
            ),
            models.CheckConstraint(
                condition=Q(status="cancelled", cancelled_at__isnull=False)
                | (~Q(status="cancelled") & Q(cancelled_at=None)),
                name="event_cancelled_says_when",
            ),
            models.CheckConstraint(
                condition=Q(survey__in=["off", "short", "health"]), name="event_survey_known"
            ),
        ]

    def __str__(self) -> str:
        return self.title

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.time_zone)

    @cached_property
    def hosts_by_person(self) -> dict[int, Host]:
        """What became last of each person who said yes to hosting it, by the person's key."""
        if not self.has_hosts:
            return {}
        said_yes = self.hosting.filter(accepted_at__isnull=False).select_related("person")
        return {
            host.person_id: host
            for host in said_yes.order_by("accepted_at", "pk")
            if host.person_id is not None
        }

    @property
    def is_shared(self) -> bool:
        """Whether the link to the draft opens it."""
        return self.share_generation % 2 == 1 and self.status == self.Status.DRAFT

    @property
    def share_token(self) -> str:
        """What opens the draft. Derived, so never stored; another generation is another."""
        return f"{self.pk}-{tokens.derive('event-draft', self.pk, self.share_generation)}"

    @property
    def photo_path(self) -> str:
        """Where its photograph is, with what it holds in the address; empty without one."""
        if not self.photo_name:
            return ""
        return f"{reverse('events:photo', args=[self.slug])}?v={self.photo_name}"

    @property
    def share_path(self) -> str:
        return reverse("events:shared-draft", args=[self.share_token])

    @property
    def is_priced(self) -> bool:
        """Whether a place is paid for before it is firm."""
        return self.price_kind != PriceKind.FREE

    @property
    def has_deposit(self) -> bool:
        return self.price_kind == PriceKind.DEPOSIT

    @property
    def is_price_open(self) -> bool:
        """Whether people choose what they pay."""
        return self.price_kind == PriceKind.OPEN

    @property
    def price_words(self) -> str:
        """What it costs one person, in the active language: "£12.00", "Free"."""
        if not self.is_priced:
            return gettext("Free")
        amount = show_money(self.price_minor or 0, self.currency)
        if self.has_deposit:
            return gettext("%(amount)s deposit, given back when you come") % {"amount": amount}
        if not self.is_price_open:
            return amount
        parts = [gettext("Pay what you want")]
        if self.least_minor:
            least = show_money(self.least_minor, self.currency)
            parts.append(gettext("from %(amount)s") % {"amount": least})
        if self.price_minor:
            parts.append(gettext("suggested: %(amount)s") % {"amount": amount})
        return listed(parts)

    @property
    def is_restricted(self) -> bool:
        """Whether only enrolled people see it. Its calendar titles are discreet by default."""
        return self.visibility in (Visibility.PROGRAMME, Visibility.AMBASSADORS)

    @property
    def is_online(self) -> bool:
        return self.format in (Format.ONLINE, Format.HYBRID)

    @property
    def has_place(self) -> bool:
        return self.format in (Format.IN_PERSON, Format.HYBRID)

    @property
    def language_name(self) -> str:
        return str(dict(LANGUAGES).get(self.language, self.language))

    def is_visible_to(self, user: User | AnonymousUser, *, at: datetime) -> bool:
        """What ``visible_to`` says, which is asked only where not everybody may see it."""
        if self.status != Event.Status.DRAFT and self.visibility in OPEN_TO_ALL:
            return True
        return Event.objects.visible_to(user, at=at).filter(pk=self.pk).exists()

    @property
    def age_rule(self) -> str:
        return f"{self.minimum_age}+" if self.minimum_age else gettext("All ages")

    @property
    def topic_labels(self) -> list[str]:
        return [str(Topic(topic).label) for topic in self.topics]

    @property
    def largest_party(self) -> int:
        return self.max_plus_ones + 1


class EventPhoto(models.Model):
    """The photograph of an event, apart from it: lists of events never load one."""

    event = models.OneToOneField(
        Event, models.CASCADE, verbose_name=_("event"), primary_key=True, related_name="photo"
    )
    content = models.BinaryField(_("JPEG"))

    class Meta:
        verbose_name = _("photograph")
        verbose_name_plural = _("photographs")

    def __str__(self) -> str:
        return str(self.event)


class OccurrenceQuerySet(models.QuerySet["Occurrence"]):
    def visible_to(self, user: User | AnonymousUser, *, at: datetime | None = None) -> Self:
        """Dates of events this user may open."""
        return self.filter(event__in=Event.objects.visible_to(user, at=at))

    def listed(self) -> Self:
        return self.exclude(event__visibility=Visibility.UNLISTED)

    def open_to_hosts(self, *, at: datetime) -> Self:
        """Dates whose people their hosts may see: to come, or over since less than two weeks."""
        return self.filter(ends_at__gt=at - HOSTS_SEE_FOR)

    def called_off(self) -> Self:
        """Dates that do not take place. What was over before its event was cancelled did."""
        with_event = Q(event__status=Event.Status.CANCELLED, ends_at__gt=F("event__cancelled_at"))
        return self.filter(Q(cancelled_at__isnull=False) | with_event)

    def upcoming(self, *, at: datetime) -> Self:
        """Dates that are not over, the next one first."""
        return self.filter(ends_at__gt=at).order_by("starts_at", "pk")


class Occurrence(models.Model):
    """One date of an event: what a calendar entry, an RSVP and a check-in belong to."""

    event = models.ForeignKey(
        Event, models.PROTECT, verbose_name=_("event"), related_name="occurrences"
    )
    # A date of a series keeps the day its rule named, wherever it is moved (RECURRENCE-ID).
    series = models.ForeignKey(
        "events.Series",
        models.PROTECT,
        verbose_name=_("series"),
        null=True,
        blank=True,
        related_name="occurrences",
    )
    recurrence_on = models.DateField(_("day by the rule"), null=True, blank=True)
    starts_at = models.DateTimeField(_("starts"))
    ends_at = models.DateTimeField(_("ends"))
    starts_on = models.DateField(
        _("day"), help_text=_("The day it starts on in the event's own time zone.")
    )
    capacity = models.PositiveIntegerField(
        _("places"), null=True, blank=True, help_text=_("Empty: no limit.")
    )
    # What is different on this date alone; empty is as the event says.
    note = models.CharField(_("what is different on this date"), max_length=240, blank=True)
    other_place = models.CharField(_("another place on this date"), max_length=240, blank=True)
    other_url = models.URLField(_("another online link on this date"), max_length=500, blank=True)
    # Calendar identity (RFC 5545): the UID never changes, SEQUENCE goes up when the time or the
    # place changes or the date is cancelled, and DTSTAMP is the stored moment of that change.
    uid = models.CharField(_("calendar UID"), max_length=200, unique=True)
    sequence = models.PositiveIntegerField(_("calendar sequence"), default=0)
    revised_at = models.DateTimeField(_("revised"))
    cancelled_at = models.DateTimeField(_("cancelled"), null=True, blank=True)
    vevent = models.TextField(_("calendar text"), blank=True, editable=False)

    objects = OccurrenceQuerySet.as_manager()

    class Meta:
        verbose_name = _("date")
        verbose_name_plural = _("dates")
        constraints = [
            models.CheckConstraint(
                condition=Q(ends_at__gt=F("starts_at")), name="occurrence_ends_after_start"
            ),
            # A page is found by its day (?date=). Checked at commit, so that dates can swap days.
            models.UniqueConstraint(
                fields=["event", "starts_on"],
                name="occurrence_once_a_day",
                deferrable=models.Deferrable.DEFERRED,
            ),
            models.UniqueConstraint(
                fields=["series", "recurrence_on"],
                name="occurrence_once_by_the_rule",
                deferrable=models.Deferrable.DEFERRED,
            ),
            models.CheckConstraint(
                condition=Q(series=None, recurrence_on=None)
                | Q(series__isnull=False, recurrence_on__isnull=False),
                name="occurrence_of_a_series_by_its_rule",
            ),
        ]
        indexes = [
            models.Index(fields=["starts_at", "ends_at"], name="occurrence_by_time"),
        ]
        triggers = [
            pgtrigger.Trigger(
                name="seats_beside",
                when=pgtrigger.After,
                operation=pgtrigger.Insert,
                func="""
                    INSERT INTO events_seats (occurrence_id, capacity, firm)
                    VALUES (NEW.id, NEW.capacity, 0);
                    RETURN NULL;
                """,
            ),
            pgtrigger.Trigger(
                name="seats_capacity",
                when=pgtrigger.After,
                operation=pgtrigger.UpdateOf("capacity"),
                func="""
                    UPDATE events_seats SET capacity = NEW.capacity
                    WHERE occurrence_id = NEW.id;
                    RETURN NULL;
                """,
            ),
        ]

    def __str__(self) -> str:
        return f"{self.event} {self.starts_on}"

    @property
    def is_cancelled(self) -> bool:
        if self.cancelled_at is not None:
            return True
        # What was over before the event was cancelled has taken place.
        cancelled_at = self.event.cancelled_at
        return cancelled_at is not None and self.ends_at > cancelled_at

    @property
    def refundable_until(self) -> datetime | None:
        """Until when whoever leaves is given back by itself what they paid; None: never."""
        hours = self.event.refund_hours
        return None if hours is None else self.starts_at - timedelta(hours=hours)

    @property
    def recurrence_id(self) -> datetime | None:
        """The wall-clock start its rule named, without a zone (RECURRENCE-ID, §3.8.4.4)."""
        if self.series is None or self.recurrence_on is None:
            return None
        return self.series.wall_start(self.recurrence_on)

    @property
    def is_as_the_rule_says(self) -> bool:
        """Whether RRULE alone says when it is: no other time, and no change of the clocks."""
        if self.series is None or self.recurrence_on is None:
            return False
        by_rule = self.series.start_on(self.recurrence_on)
        return (
            not by_rule.note
            and self.starts_at == by_rule.starts_at
            and self.duration == self.series.duration
        )

    @property
    def clock_note(self) -> str:
        """What a change of the clocks does to its start, for the page."""
        if self.local_start.replace(fold=0).utcoffset() != (
            self.local_start.replace(fold=1).utcoffset()
        ):
            if self.local_start.fold:
                return gettext("The clocks go back that night: this is the second of the two.")
            return gettext("The clocks go back that night: this is the first of the two.")
        if self.series is not None and self.recurrence_on is not None:
            by_rule = self.series.start_on(self.recurrence_on)
            if by_rule.note == "skipped" and by_rule.starts_at == self.starts_at:
                return gettext("The clocks go forward that night, so it starts later than usual.")
        return ""

    def is_refund_over(self, *, at: datetime) -> bool:
        """Whether leaving gave back what was paid, and does not any more."""
        until = self.refundable_until
        return until is not None and until <= at

    @property
    def place_name(self) -> str:
        return self.other_place or self.event.place_name

    @property
    def address(self) -> str:
        """The address of the place; another place on this date holds its own."""
        return "" if self.other_place else self.event.address

    @property
    def online_url(self) -> str:
        return self.other_url or self.event.online_url

    @property
    def page_path(self) -> str:
        """The public page of this date."""
        path = reverse("events:event", args=[self.event.slug])
        return f"{path}?date={self.page_day}"

    @property
    def page_day(self) -> str:
        """The day as addresses write it."""
        return self.starts_on.isoformat()

    @property
    def local_start(self) -> datetime:
        return self.starts_at.astimezone(self.event.zone)

    @property
    def local_end(self) -> datetime:
        return self.ends_at.astimezone(self.event.zone)

    @property
    def duration(self) -> timedelta:
        return self.ends_at - self.starts_at

    def is_over(self, *, at: datetime) -> bool:
        return self.ends_at <= at
