"""What ambassadors say about themselves and to whom; whom they can ask; what they did."""

from __future__ import annotations

from datetime import datetime
from typing import Self

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.core.validators import URLValidator
from django.db import models
from django.db.models import F, Q
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from ambassadors.models.enrolments import Enrolment
from ambassadors.models.programmes import Programme

MOST_LINKS = 5


def validate_link(value: str) -> None:
    URLValidator(schemes=["http", "https"])(value)
    if len(value) > 300:
        raise ValidationError(_("This link is too long. Use a shorter one."))


class Profile(models.Model):
    """A person as they want to be met. Their stage name and time zone are in their account."""

    class Audience(models.TextChoices):
        NOBODY = "nobody", _("nobody")
        PROGRAMME = "programme", _("those who run my programmes")
        EVERYBODY = "everybody", _("everybody who can see my card")

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="ambassador_profile"
    )
    pronouns = models.CharField(_("pronouns"), max_length=60, blank=True)
    pronouns_to = models.CharField(
        _("who sees them"), max_length=10, choices=Audience, default=Audience.PROGRAMME
    )
    languages = ArrayField(
        models.CharField(max_length=12), verbose_name=_("languages"), default=list, blank=True
    )
    about = models.CharField(_("about you"), max_length=400, blank=True)
    links = ArrayField(
        models.CharField(max_length=300, validators=[validate_link]),
        verbose_name=_("links"),
        default=list,
        blank=True,
    )
    saved_at = models.DateTimeField(_("saved"))

    class Meta:
        verbose_name = _("profile")
        verbose_name_plural = _("profiles")
        constraints = [
            models.CheckConstraint(
                condition=Q(pronouns_to__in=["nobody", "programme", "everybody"]),
                name="profile_audience_known",
            ),
            models.CheckConstraint(
                condition=Q(links__len__lte=MOST_LINKS), name="profile_few_links"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user_id}"

    @property
    def pronouns_for_staff(self) -> str:
        return self.pronouns if self.pronouns_to != self.Audience.NOBODY else ""

    @property
    def pronouns_for_all(self) -> str:
        return self.pronouns if self.pronouns_to == self.Audience.EVERYBODY else ""


class PublicCardQuerySet(models.QuerySet["PublicCard"]):
    def shown(self, programme: Programme, *, at: datetime) -> Self:
        """Cards on the public page of ``programme``: of people who are active in it now.

        None at all where the programme is sensitive or not listed, whatever anybody ticked.
        """
        if programme.is_sensitive or not programme.is_listed:
            return self.none()
        active = Enrolment.objects.active(at=at).filter(term__programme=programme)
        return (
            self.filter(programme=programme, user__in=active.values("user"))
            .select_related("user__ambassador_profile")
            .order_by("user__name", "pk")
        )


class PublicCard(models.Model):
    """A person's yes to being shown on one programme's public page. Gone when they take it back."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="public_cards"
    )
    programme = models.ForeignKey(Programme, on_delete=models.PROTECT, related_name="public_cards")
    consented_at = models.DateTimeField(_("said yes"))

    objects = PublicCardQuerySet.as_manager()

    class Meta:
        verbose_name = _("public card")
        verbose_name_plural = _("public cards")
        constraints = [
            models.UniqueConstraint(fields=["user", "programme"], name="public_card_once"),
        ]

    def __str__(self) -> str:
        return f"{self.user_id} {self.programme_id}"

    @property
    def path(self) -> str:
        """Where the card is. Needs the programme."""
        return f"{reverse('ambassadors:programme', args=[self.programme.slug])}#card-{self.pk}"


class ProgrammeContact(models.Model):
    """Whom the people of a programme can ask, from when until when. One at a time."""

    programme = models.ForeignKey(Programme, on_delete=models.PROTECT, related_name="contacts")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    since_at = models.DateTimeField(_("since"))
    until_at = models.DateTimeField(_("until"), null=True)
    handed_over_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )

    class Meta:
        verbose_name = _("programme contact")
        verbose_name_plural = _("programme contacts")
        constraints = [
            models.UniqueConstraint(
                fields=["programme"],
                condition=Q(until_at__isnull=True),
                name="programme_contact_one_at_a_time",
            ),
            models.CheckConstraint(
                condition=Q(until_at__isnull=True) | Q(until_at__gte=F("since_at")),
                name="programme_contact_ends_after_it_began",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.programme_id} {self.user_id}"


class ActivityQuerySet(models.QuerySet["Activity"]):
    def of_term(self, enrolment: Enrolment) -> Self:
        return self.filter(enrolment=enrolment).select_related("said_by").order_by("-on", "-pk")


class Activity(models.Model):
    """Something an ambassador did for the programme. Never about how they are."""

    class Kind(models.TextChoices):
        SPOKE = "spoke", _("spoke or played")
        WELCOMED = "welcomed", _("welcomed somebody new")
        WROTE = "wrote", _("wrote or recorded something")
        ADVISED = "advised", _("gave advice to the programme")
        OTHER = "other", _("something else")

    enrolment = models.ForeignKey(Enrolment, on_delete=models.PROTECT, related_name="activities")
    kind = models.CharField(_("what"), max_length=12, choices=Kind)
    on = models.DateField(_("when"))
    note = models.CharField(_("a line about it"), max_length=140, blank=True)
    said_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )

    objects = ActivityQuerySet.as_manager()

    class Meta:
        verbose_name = _("activity")
        verbose_name_plural = _("activities")
        constraints = [
            models.CheckConstraint(
                condition=Q(kind__in=["spoke", "welcomed", "wrote", "advised", "other"]),
                name="activity_kind_known",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.on}"
