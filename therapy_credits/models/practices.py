"""Practices: who gives the sessions, where they may, and when they are open."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, ClassVar, Self
from zoneinfo import ZoneInfo

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from therapy_credits.domain.places import length_name

if TYPE_CHECKING:
    from accounts.models import User


class Format(models.TextChoices):
    ONLINE = "online", _("Online")
    IN_PERSON = "in_person", _("In person")


class Topic(models.TextChoices):
    """What people in music bring, in their words. Never a diagnosis."""

    TOURING = "touring", _("Touring and being away")
    STAGE_FRIGHT = "stage_fright", _("Stage fright")
    BURNOUT = "burnout", _("Exhaustion and burnout")
    CREATIVE_BLOCK = "creative_block", _("Feeling blocked creatively")
    BAND_CONFLICT = "band_conflict", _("Conflict in a band or team")
    MONEY_WORRY = "money_worry", _("Money and uncertain work")
    PUBLIC_LIFE = "public_life", _("Being in public, abuse online")
    SUBSTANCES = "substances", _("Drinking and substances")
    SLEEP = "sleep", _("Sleep")
    ANXIETY = "anxiety", _("Worry and anxiety")
    LOW_MOOD = "low_mood", _("Low mood")
    GRIEF = "grief", _("Loss and grief")
    RELATIONSHIPS = "relationships", _("Relationships and family")
    IDENTITY = "identity", _("Identity and belonging")
    TRAUMA = "trauma", _("Something that happened")
    HEARING = "hearing", _("Hearing, injury and health")


class CheckedByTwo(models.Model):
    """What counts from the moment two different people have looked at it."""

    checked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    checked_at = models.DateTimeField(_("checked"), null=True, blank=True)
    confirmed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    confirmed_at = models.DateTimeField(_("checked by a second person"), null=True, blank=True)

    class Meta:
        abstract = True
        constraints = [
            models.CheckConstraint(
                condition=Q(checked_by=None, checked_at=None)
                | Q(checked_by__isnull=False, checked_at__isnull=False),
                name="%(class)s_check_has_a_person_and_a_time",
            ),
            models.CheckConstraint(
                condition=Q(confirmed_by=None, confirmed_at=None)
                | (
                    Q(confirmed_by__isnull=False, confirmed_at__isnull=False)
                    & Q(checked_by__isnull=False)
                    & ~Q(confirmed_by=F("checked_by"))
                ),
                name="%(class)s_verified_by_two_people",
            ),
        ]

    @property
    def is_verified(self) -> bool:
        return self.confirmed_at is not None

    def note_check(self, user: User, at: dt.datetime) -> None:
        """The first look, or the second; by whom is for the caller to decide."""
        if self.checked_by_id is None:
            self.checked_by, self.checked_at = user, at
        else:
            self.confirmed_by, self.confirmed_at = user, at


class PracticeQuerySet(models.QuerySet["Practice"]):
    def open_to_clients(self) -> Self:
        """Practices that take new bookings."""
        return self.filter(status=Practice.Status.ACTIVE)


class Practice(CheckedByTwo):
    """An organisation that gives sessions and is paid for them.

    It opens when two different people have checked what was entered of it.
    """

    class Status(models.TextChoices):
        PENDING = "pending", _("Being set up")
        ACTIVE = "active", _("Active")
        PAUSED = "paused", _("Paused")
        ENDED = "ended", _("Ended")

    slug = models.SlugField(_("short name in addresses"), max_length=60, unique=True)
    organisation = models.CharField(
        _("organisation"), max_length=160, help_text=_("As on its contract and its statements.")
    )
    name = models.CharField(
        _("name shown"),
        max_length=120,
        help_text=_("Neutral: it may stand on a lock screen or a calendar."),
    )
    status = models.CharField(
        _("status"), max_length=10, choices=Status.choices, default=Status.PENDING
    )
    country = models.CharField(_("country"), max_length=2, help_text=_("Two letters, as in GB."))
    languages = ArrayField(models.CharField(max_length=12), verbose_name=_("languages"))
    time_zone = models.CharField(_("time zone"), max_length=64)
    contact_email = models.EmailField(_("contact address"))
    contact_phone = models.CharField(_("telephone"), max_length=40, blank=True)
    lead_hours = models.PositiveSmallIntegerField(
        _("notice for a new booking, in hours"), default=12
    )
    buffer_minutes = models.PositiveSmallIntegerField(_("minutes between sessions"), default=10)
    network = models.CharField(
        _("network of partners"),
        max_length=60,
        blank=True,
        help_text=_("The charity or network through which it works. Some pools pay for one only."),
    )
    # Paused by itself, a practice may open itself again; paused by staff, it may not.
    paused_by_itself = models.BooleanField(default=False)
    created_at = models.DateTimeField(_("set up"))

    objects: ClassVar[PracticeQuerySet] = PracticeQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        verbose_name = _("practice")
        verbose_name_plural = _("practices")
        constraints = [
            models.CheckConstraint(
                condition=Q(status__in=["pending", "active", "paused", "ended"]),
                name="practice_status_known",
            ),
            models.CheckConstraint(
                condition=Q(country__regex=r"^[A-Z]{2}$"), name="practice_country_two_letters"
            ),
            models.CheckConstraint(
                condition=Q(paused_by_itself=False) | Q(status="paused"),
                name="practice_paused_by_itself_is_paused",
            ),
            models.CheckConstraint(
                condition=Q(status__in=["pending", "ended"]) | Q(confirmed_by__isnull=False),
                name="practice_open_only_when_verified",
            ),
            *CheckedByTwo.Meta.constraints,
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.time_zone)


class PracticeMembershipQuerySet(models.QuerySet["PracticeMembership"]):
    def current(self) -> Self:
        """Memberships that open the portal: not ended, of a practice that has not ended."""
        return self.filter(ended_at=None).exclude(practice__status=Practice.Status.ENDED)


class PracticeMembership(models.Model):
    """A person who works for a practice, and as what."""

    class Role(models.TextChoices):
        OWNER = "owner", _("Owner")
        PRACTITIONER = "practitioner", _("Practitioner")
        FRONT_DESK = "front_desk", _("Front desk")

    practice = models.ForeignKey(Practice, on_delete=models.PROTECT, related_name="memberships")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="practice_memberships"
    )
    role = models.CharField(_("role"), max_length=12, choices=Role.choices)
    started_at = models.DateTimeField(_("since"))
    ended_at = models.DateTimeField(_("ended"), null=True, blank=True)

    objects: ClassVar[PracticeMembershipQuerySet] = PracticeMembershipQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        verbose_name = _("practice membership")
        verbose_name_plural = _("practice memberships")
        constraints = [
            models.CheckConstraint(
                condition=Q(role__in=["owner", "practitioner", "front_desk"]),
                name="membership_role_known",
            ),
            # One practice at a time keeps "the practice that is signed in" one fact.
            models.UniqueConstraint(
                fields=["user"], condition=Q(ended_at=None), name="membership_one_at_a_time"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.practice} · {self.get_role_display()}"


class FitCallLength(models.IntegerChoices):
    """How long the free first call with somebody is, where they offer one."""

    NONE = 0, _("Not offered")
    TEN = 10, _("10 minutes")
    FIFTEEN = 15, _("15 minutes")
    TWENTY = 20, _("20 minutes")
    THIRTY = 30, _("30 minutes")


class PractitionerQuerySet(models.QuerySet["Practitioner"]):
    def bookable(self) -> Self:
        """Practitioners who take bookings: active, of a practice that does."""
        return self.filter(is_active=True, practice__status=Practice.Status.ACTIVE)


class Practitioner(models.Model):
    """A person who gives sessions at a practice."""

    practice = models.ForeignKey(Practice, on_delete=models.PROTECT, related_name="practitioners")
    user = models.OneToOneField(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="practitioner",
        verbose_name=_("own account"),
        help_text=_("A practitioner who signs in sees own bookings only."),
    )
    slug = models.SlugField(_("short name in addresses"), max_length=60, unique=True)
    name = models.CharField(_("name"), max_length=120)
    languages = ArrayField(models.CharField(max_length=12), verbose_name=_("languages"))
    topics = ArrayField(
        models.CharField(max_length=20, choices=Topic.choices),
        verbose_name=_("topics"),
        default=list,
        blank=True,
    )
    formats = ArrayField(
        models.CharField(max_length=10, choices=Format.choices), verbose_name=_("formats")
    )
    bio = models.TextField(_("about"), max_length=1200, blank=True)
    place = models.CharField(_("address for sessions in person"), max_length=240, blank=True)
    join_url = models.URLField(_("link for sessions online"), blank=True)
    is_active = models.BooleanField(_("takes bookings"), default=True)
    fit_call_minutes = models.PositiveSmallIntegerField(
        _("a free first call"),
        choices=FitCallLength.choices,
        default=FitCallLength.NONE,
        help_text=_("Before a first session, within the weekly hours. It is not paid for."),
    )

    objects: ClassVar[PractitionerQuerySet] = PractitionerQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        verbose_name = _("practitioner")
        verbose_name_plural = _("practitioners")
        constraints = [
            models.CheckConstraint(
                condition=Q(formats__contained_by=["online", "in_person"], formats__len__gte=1),
                name="practitioner_formats_known",
            ),
            models.CheckConstraint(
                condition=Q(topics__contained_by=list(Topic.values)),
                name="practitioner_topics_known",
            ),
            models.CheckConstraint(
                condition=Q(fit_call_minutes__in=FitCallLength.values),
                name="practitioner_fit_call_length_known",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class PracticeInvitation(models.Model):
    """A link in a mail that makes the person who opens it a member. Only its digest is kept."""

    practice = models.ForeignKey(Practice, on_delete=models.PROTECT, related_name="invitations")
    practitioner = models.ForeignKey(
        Practitioner, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    email = models.EmailField(_("e-mail address"))
    role = models.CharField(_("role"), max_length=12, choices=PracticeMembership.Role.choices)
    digest = models.CharField(max_length=64, unique=True)
    invited_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    invited_at = models.DateTimeField(_("invited"))
    expires_at = models.DateTimeField(_("valid until"))
    accepted_at = models.DateTimeField(_("accepted"), null=True, blank=True)

    class Meta:
        verbose_name = _("practice invitation")
        verbose_name_plural = _("practice invitations")
        constraints = [
            models.CheckConstraint(
                condition=Q(role__in=["owner", "practitioner", "front_desk"]),
                name="practice_invitation_role_known",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.practice} · {self.get_role_display()}"


class LicenceQuerySet(models.QuerySet["Licence"]):
    def verified(self) -> Self:
        """Licences two people have checked, and that nobody withdrew."""
        return self.filter(confirmed_at__isnull=False, withdrawn_at=None)

    def valid_on(self, day: dt.date) -> Self:
        return self.verified().filter(expires_on__gte=day)


class Licence(CheckedByTwo):
    """The authority to practise in one country, or in one state of it, until a day.

    It counts from the moment two different people have checked the evidence.
    """

    class Kind(models.TextChoices):
        LICENCE = "licence", _("Licence")
        COMPACT = "compact", _("Interstate compact")
        REGISTER = "register", _("Professional register")

    practitioner = models.ForeignKey(
        Practitioner, on_delete=models.PROTECT, related_name="licences"
    )
    kind = models.CharField(_("kind"), max_length=10, choices=Kind.choices)
    authority = models.CharField(_("issued by"), max_length=120)
    number = models.CharField(_("number"), max_length=60)
    country = models.CharField(_("country"), max_length=2)
    region = models.CharField(
        _("state or region"),
        max_length=8,
        blank=True,
        help_text=_("Empty: valid in the whole country."),
    )
    expires_on = models.DateField(_("valid until"))
    evidence = models.CharField(
        _("evidence"),
        max_length=300,
        help_text=_("Where it was looked up, and when. No document, no client."),
    )
    added_at = models.DateTimeField(_("added"))
    insurance_territory = models.CharField(
        _("insured for sessions in"),
        max_length=120,
        blank=True,
        help_text=_("As the insurer says it, for example: United Kingdom and Ireland."),
    )
    withdrawn_at = models.DateTimeField(_("withdrawn"), null=True, blank=True)

    objects: ClassVar[LicenceQuerySet] = LicenceQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        verbose_name = _("licence")
        verbose_name_plural = _("licences")
        constraints = [
            models.CheckConstraint(
                condition=Q(kind__in=["licence", "compact", "register"]), name="licence_kind_known"
            ),
            *CheckedByTwo.Meta.constraints,
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.number}"

    @property
    def is_verified(self) -> bool:
        return super().is_verified and self.withdrawn_at is None


class ServiceTypeQuerySet(models.QuerySet["ServiceType"]):
    def not_ended(self) -> Self:
        """What is offered, and what waits for the looks of two people before it is."""
        return self.exclude(is_active=False, confirmed_at__isnull=False)

    def for_a_code(self) -> Self:
        """What a code can be entered for: it holds one session."""
        return self.filter(is_active=True, units=1)


class ServiceType(CheckedByTwo):
    """What a practice offers: so many minutes, worth so many sessions, at this rate.

    It is offered when two different people have looked at it: one person alone
    sets no rate. A rate never changes; another is another kind of session.
    """

    practice = models.ForeignKey(Practice, on_delete=models.PROTECT, related_name="service_types")

    class Kind(models.TextChoices):
        ONE = "one", _("One person")
        TWO = "two", _("Two people")
        GROUP = "group", _("A band or a team")

    name = models.CharField(_("name"), max_length=80, help_text=_("Neutral, as in: 50 minutes."))
    kind = models.CharField(_("for"), max_length=8, choices=Kind.choices, default=Kind.ONE)
    minutes = models.PositiveSmallIntegerField(_("minutes"))
    units = models.PositiveSmallIntegerField(_("sessions it takes"), default=1)
    rate_minor = models.PositiveIntegerField(
        _("rate, in the smallest unit of the currency"), help_text=_("8000 is 80.00.")
    )
    currency = models.CharField(_("currency"), max_length=3)
    is_active = models.BooleanField(_("offered"), default=False)

    objects: ClassVar[ServiceTypeQuerySet] = ServiceTypeQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        verbose_name = _("service type")
        verbose_name_plural = _("service types")
        constraints = [
            models.CheckConstraint(
                condition=Q(minutes__gte=10, minutes__lte=240), name="service_minutes_in_range"
            ),
            models.CheckConstraint(condition=Q(units__gte=1), name="service_units_positive"),
            models.CheckConstraint(
                condition=Q(kind__in=["one", "two", "group"]), name="service_kind_known"
            ),
            models.CheckConstraint(
                condition=Q(currency__regex=r"^[A-Z]{3}$"), name="service_currency_three_letters"
            ),
            models.CheckConstraint(
                condition=Q(is_active=False) | Q(confirmed_by__isnull=False),
                name="service_offered_only_when_verified",
            ),
            *CheckedByTwo.Meta.constraints,
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def name_to_show(self) -> str:
        """What it is called to whoever may book it, in the active language where it can be."""
        return length_name(self.name, self.minutes, get_language() or "en")


class WeeklyWindow(models.Model):
    """A window of every week, in wall-clock time."""

    class Weekday(models.IntegerChoices):
        MONDAY = 0, _("Monday")
        TUESDAY = 1, _("Tuesday")
        WEDNESDAY = 2, _("Wednesday")
        THURSDAY = 3, _("Thursday")
        FRIDAY = 4, _("Friday")
        SATURDAY = 5, _("Saturday")
        SUNDAY = 6, _("Sunday")

    weekday = models.PositiveSmallIntegerField(_("day"), choices=Weekday.choices)
    starts = models.TimeField(_("from"))
    ends = models.TimeField(_("to"))

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return f"{self.get_weekday_display()} {self.starts:%H:%M}–{self.ends:%H:%M}"


class WeeklyHours(WeeklyWindow):
    """When a practitioner is there each week, in the practice's zone."""

    practitioner = models.ForeignKey(
        Practitioner, on_delete=models.CASCADE, related_name="weekly_hours"
    )

    class Meta:
        verbose_name = _("weekly hours")
        verbose_name_plural = _("weekly hours")
        constraints = [
            models.CheckConstraint(
                condition=Q(weekday__gte=0, weekday__lte=6), name="hours_weekday_known"
            ),
            models.CheckConstraint(condition=Q(ends__gt=F("starts")), name="hours_end_after_start"),
            models.UniqueConstraint(
                fields=["practitioner", "weekday", "starts"], name="hours_once_per_start"
            ),
        ]


class DayThatDiffers(models.Model):
    """One day that differs: closed, or open at these hours in place of the weekly ones."""

    on_date = models.DateField(_("day"))
    starts = models.TimeField(_("from"), null=True, blank=True)
    ends = models.TimeField(_("to"), null=True, blank=True)

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return f"{self.on_date}"

    @property
    def is_closed(self) -> bool:
        return self.starts is None


class HoursException(DayThatDiffers):
    """A day on which a practitioner is there at other hours, or not at all."""

    practitioner = models.ForeignKey(
        Practitioner, on_delete=models.CASCADE, related_name="hours_exceptions"
    )

    class Meta:
        verbose_name = _("other hours on one day")
        verbose_name_plural = _("other hours on single days")
        constraints = [
            models.CheckConstraint(
                condition=Q(starts=None, ends=None)
                | Q(starts__isnull=False, ends__isnull=False, ends__gt=F("starts")),
                name="exception_closed_or_open",
            ),
            models.UniqueConstraint(
                fields=["practitioner", "on_date", "starts"],
                nulls_distinct=False,
                name="exception_once_per_start",
            ),
        ]


class BusyTime(models.Model):
    """A time a practitioner cannot give, from the calendar they exported. Its title is not kept."""

    practitioner = models.ForeignKey(
        Practitioner, on_delete=models.CASCADE, related_name="busy_times"
    )
    starts_at = models.DateTimeField(_("from"))
    ends_at = models.DateTimeField(_("to"))

    class Meta:
        verbose_name = _("busy time")
        verbose_name_plural = _("busy times")
        constraints = [
            models.CheckConstraint(
                condition=Q(ends_at__gte=F("starts_at")), name="busy_ends_after_start"
            ),
        ]
        indexes = [models.Index(fields=["practitioner", "starts_at"], name="busy_of_practitioner")]

    def __str__(self) -> str:
        return f"{self.starts_at:%Y-%m-%d %H:%M}"
