"""Programmes and their dated terms."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Self
from zoneinfo import ZoneInfo, available_timezones

from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.db.models import Exists, F, OuterRef, Q, Value
from django.db.models.functions import Cast
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from accounts.models import ApiKey, StaffGrant, User
from ambassadors.domain.names import country_name
from ambassadors.models.agreements import AgreementVersion


def validate_time_zone(value: str) -> None:
    if value not in available_timezones():
        raise ValidationError(
            _("“%(value)s” is not a time zone. Write it like Europe/London."),
            params={"value": value},
        )


# Statuses in which a person belongs to a programme: all but removed.
BELONGING = ("invited", "applied", "approved", "onboarding", "active", "paused", "alumni")


class ProgrammeQuerySet(models.QuerySet["Programme"]):
    def listed(self) -> Self:
        """Programmes anybody may read about."""
        return self.filter(is_listed=True)

    def visible_to(self, user: User | AnonymousUser) -> Self:
        """Programmes this person may read about: the listed, and those they belong to."""
        if not user.is_authenticated:
            return self.listed()
        mine = Term.objects.filter(
            enrolments__user=user, enrolments__status__in=BELONGING, programme=OuterRef("pk")
        )
        return self.filter(Q(is_listed=True) | Exists(mine))

    def reached_by(self, key: ApiKey) -> Self:
        """Programmes that a program with ``key`` may know of."""
        return self if key.programme_ids is None else self.filter(pk__in=key.programme_ids)

    def run_by(self, user: User | AnonymousUser, *roles: str, at: datetime) -> Self:
        """Programmes in which ``user`` holds one of ``roles`` (any role when none is named)."""
        if not isinstance(user, User) or not user.is_active:
            return self.none()
        grants = StaffGrant.objects.active(at=at).filter(user=user)
        if roles:
            grants = grants.filter(role__in=roles)
        return self.filter(
            Exists(grants.filter(all_programmes=True))
            | Exists(
                ProgrammeGrant.objects.filter(
                    programme=OuterRef("pk"), grant__in=grants, grant__all_programmes=False
                )
            )
        )


class Programme(models.Model):
    """What ambassadors are enrolled in."""

    name = models.CharField(_("name"), max_length=120, unique=True)
    slug = models.SlugField(_("address"), max_length=80, unique=True)
    summary = models.CharField(_("summary"), max_length=240, blank=True)
    description = models.TextField(_("description"), blank=True)
    time_zone = models.CharField(
        _("time zone"), max_length=64, validators=[validate_time_zone], default="UTC"
    )
    is_sensitive = models.BooleanField(
        _("belonging to it says something private about a person"),
        default=True,
        help_text=_("Mail then never names the programme or its term."),
    )
    is_listed = models.BooleanField(
        _("shown on the public list of programmes"),
        default=False,
    )
    contact_email = models.EmailField(_("contact address"), blank=True)
    appeal_email = models.EmailField(
        _("who looks again at a removal"),
        blank=True,
        help_text=_("Somebody who did not decide it. Empty for the contact address."),
    )

    objects = ProgrammeQuerySet.as_manager()

    class Meta:
        verbose_name = _("programme")
        verbose_name_plural = _("programmes")
        constraints = [
            models.CheckConstraint(condition=~Q(name=""), name="programme_has_a_name"),
            models.CheckConstraint(condition=~Q(time_zone=""), name="programme_has_a_time_zone"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def appeal_contact(self) -> str:
        """Where somebody who was removed asks for another person to look at it."""
        return self.appeal_email or self.contact_email

    def today(self, *, at: datetime) -> date:
        """The date at ``at`` where the programme is."""
        return at.astimezone(ZoneInfo(self.time_zone)).date()


def today_in(path: str, at: datetime) -> Cast:
    """For a query: the date at ``at`` in the zone that is in the column at ``path``."""
    there = models.Func(
        F(path), Value(at), function="timezone", output_field=models.DateTimeField()
    )
    return Cast(there, models.DateField())


class TermQuerySet(models.QuerySet["Term"]):
    def open_but_over(self, *, at: datetime) -> Self:
        """Terms whose last day of grace has passed where their programme is, not closed yet."""
        return self.alias(_today=today_in("programme__time_zone", at)).filter(
            ended_at__isnull=True, ends_on__lt=F("_today") - F("grace_days")
        )

    def with_programme(self) -> Self:
        return self.select_related("programme")


class Term(models.Model):
    """A programme between two dates (both included, in the programme's zone) in one market."""

    programme = models.ForeignKey(
        Programme, on_delete=models.PROTECT, related_name="terms", verbose_name=_("programme")
    )
    name = models.CharField(_("name"), max_length=120)
    starts_on = models.DateField(_("first day"))
    ends_on = models.DateField(_("last day"))
    market = models.CharField(
        _("country"),
        max_length=2,
        blank=True,
        validators=[RegexValidator(r"^[A-Z]{2}\Z")],
        help_text=_("Empty when the term is open to any country."),
    )
    capacity = models.PositiveIntegerField(
        _("places"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text=_("How many people may be invited or enrolled. Empty for no limit."),
    )
    agreement_version = models.ForeignKey(
        AgreementVersion,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="terms",
        verbose_name=_("agreement"),
        help_text=_("What people of this term agree to. Empty for the newest version."),
    )
    grace_days = models.PositiveSmallIntegerField(
        _("days of grace"),
        default=0,
        validators=[MaxValueValidator(180)],
        help_text=_(
            "After the last day: people stay connected and can go on into another term before"
            " they become alumni. Nothing new is given in these days."
        ),
    )
    ended_at = models.DateTimeField(_("closed"), null=True, blank=True)

    objects = TermQuerySet.as_manager()

    class Meta:
        verbose_name = _("term")
        verbose_name_plural = _("terms")
        constraints = [
            models.UniqueConstraint(fields=["programme", "name"], name="term_name_unique"),
            models.CheckConstraint(
                condition=Q(ends_on__gte=F("starts_on")), name="term_ends_after_it_starts"
            ),
            models.CheckConstraint(
                condition=Q(market="") | Q(market__regex=r"^[A-Z]{2}$"),
                name="term_market_is_a_country_code",
            ),
            models.CheckConstraint(
                condition=Q(capacity__isnull=True) | Q(capacity__gte=1),
                name="term_capacity_positive",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def market_name(self) -> str:
        """Its country in the language of the page; empty when it is open to any."""
        return self.market and country_name(self.market, get_language() or "en")

    def is_over(self, *, at: datetime) -> bool:
        """Whether it was closed, or its last day has passed where the programme is."""
        return self.ended_at is not None or self.programme.today(at=at) > self.ends_on

    @property
    def grace_ends_on(self) -> date:
        """The last day of grace; the last day of the term where there is none."""
        return self.ends_on + timedelta(days=self.grace_days)

    def is_in_grace(self, *, at: datetime) -> bool:
        """Whether its last day has passed and its people are not alumni yet."""
        today = self.programme.today(at=at)
        return self.ended_at is None and self.ends_on < today <= self.grace_ends_on

    def is_running(self, *, at: datetime) -> bool:
        return self.starts_on <= self.programme.today(at=at) and not self.is_over(at=at)


class ProgrammeGrant(models.Model):
    """One programme that a staff grant reaches, where it does not reach all."""

    grant = models.ForeignKey(StaffGrant, on_delete=models.CASCADE, related_name="programmes")
    programme = models.ForeignKey(Programme, on_delete=models.CASCADE, related_name="staff_grants")

    class Meta:
        verbose_name = _("reach of a grant")
        verbose_name_plural = _("reaches of grants")
        constraints = [
            models.UniqueConstraint(fields=["grant", "programme"], name="programme_grant_once"),
        ]

    def __str__(self) -> str:
        return f"{self.grant_id} {self.programme_id}"
