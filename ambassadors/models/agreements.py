"""What people agree to, and that they did.

An agreement and a consent are different things: one is a promise in both directions that
belongs to a term, the other a yes to one use of health data that can be taken back any day.
Both are texts with versions, so both are kept here, and their records are apart.
"""

from __future__ import annotations

from typing import Self

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from accounts.models.trail import append_only


class Agreement(models.Model):
    """A named text that people say yes to."""

    class Kind(models.TextChoices):
        AGREEMENT = "agreement", _("agreement")
        HEALTH_CONSENT = "health_consent", _("consent to health data")

    slug = models.SlugField(_("short name"), max_length=60, unique=True)
    name = models.CharField(_("name"), max_length=120)
    kind = models.CharField(_("kind"), max_length=20, choices=Kind)

    class Meta:
        verbose_name = _("agreement")
        verbose_name_plural = _("agreements")
        constraints = [
            models.CheckConstraint(
                condition=Q(kind__in=["agreement", "health_consent"]), name="agreement_kind_known"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class AgreementVersion(models.Model):
    """One published version. A material one asks those who agreed before to agree again."""

    agreement = models.ForeignKey(Agreement, on_delete=models.PROTECT, related_name="versions")
    number = models.PositiveIntegerField(_("version"))
    is_material = models.BooleanField(_("changes what people agreed to"), default=True)
    published_at = models.DateTimeField(_("published"))
    # How far the people who have to agree again were told: the last of them, then when all were.
    told_to = models.BigIntegerField(default=0, editable=False)
    told_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        verbose_name = _("version")
        verbose_name_plural = _("versions")
        constraints = [
            models.UniqueConstraint(
                fields=["agreement", "number"], name="agreement_version_number_unique"
            ),
            models.CheckConstraint(
                condition=Q(number__gte=1), name="agreement_version_number_from_1"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.agreement.name} {self.number}"


class AgreementTextQuerySet(models.QuerySet["AgreementText"]):
    def in_language_or_english(self, language: str) -> Self:
        """Best first: the language asked for, its base language, then English.

        A translation that nobody has reviewed is not shown to anybody who has to say yes to it.
        """
        wanted = Q(review="reviewed", locale__in=[language, language.partition("-")[0]])
        return self.filter(wanted | Q(locale="en")).order_by(
            models.Case(
                models.When(locale=language, then=0), models.When(locale="en", then=2), default=1
            )
        )


class AgreementText(models.Model):
    """A version in one language. Never changed: a change is a new version."""

    class Review(models.TextChoices):
        DRAFT = "draft", _("draft, to be reviewed")
        REVIEWED = "reviewed", _("reviewed")

    version = models.ForeignKey(AgreementVersion, on_delete=models.PROTECT, related_name="texts")
    locale = models.CharField(_("language"), max_length=12)
    title = models.CharField(_("title"), max_length=160)
    body = models.TextField(_("text"))
    sha256 = models.CharField(_("SHA-256 of the text"), max_length=64)
    review = models.CharField(_("review"), max_length=10, choices=Review, default=Review.DRAFT)
    reviewed_by = models.CharField(_("reviewed by"), max_length=120, blank=True)
    reviewed_on = models.DateField(_("reviewed on"), null=True, blank=True)

    objects = AgreementTextQuerySet.as_manager()

    class Meta:
        verbose_name = _("text")
        verbose_name_plural = _("texts")
        constraints = [
            models.UniqueConstraint(
                fields=["version", "locale"], name="agreement_text_locale_unique"
            ),
            models.CheckConstraint(
                condition=Q(review="draft", reviewed_on__isnull=True, reviewed_by="")
                | (Q(review="reviewed", reviewed_on__isnull=False) & ~Q(reviewed_by="")),
                name="agreement_text_review_names_who_and_when",
            ),
        ]
        triggers = [
            pgtrigger.ReadOnly(
                name="text_is_fixed", fields=["version", "locale", "title", "body", "sha256"]
            ),
            pgtrigger.Protect(name="text_is_kept", operation=pgtrigger.Delete),
        ]

    def __str__(self) -> str:
        return self.title


class Acceptance(models.Model):
    """That a person agreed for one enrolment: to which words, in which language, when."""

    enrolment = models.ForeignKey(
        "ambassadors.Enrolment", on_delete=models.PROTECT, related_name="acceptances"
    )
    version = models.ForeignKey(AgreementVersion, on_delete=models.PROTECT, related_name="+")
    accepted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="acceptances"
    )
    accepted_at = models.DateTimeField(_("accepted"))
    locale_shown = models.CharField(_("language shown"), max_length=12)
    text_sha256 = models.CharField(_("SHA-256 of the text"), max_length=64)
    snapshot = models.TextField(_("the text as it was shown"))

    class Meta:
        verbose_name = _("acceptance")
        verbose_name_plural = _("acceptances")
        constraints = [
            models.UniqueConstraint(
                fields=["enrolment", "version"], name="acceptance_once_per_version"
            ),
        ]
        triggers = append_only()

    def __str__(self) -> str:
        return f"{self.version_id} {self.accepted_at:%Y-%m-%d}"


class Consent(models.Model):
    """A yes to health data being handled, and when it was taken back. One open yes per person."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="consents"
    )
    version = models.ForeignKey(AgreementVersion, on_delete=models.PROTECT, related_name="+")
    given_at = models.DateTimeField(_("given"))
    withdrawn_at = models.DateTimeField(_("withdrawn"), null=True, blank=True)
    locale_shown = models.CharField(_("language shown"), max_length=12)
    text_sha256 = models.CharField(_("SHA-256 of the text"), max_length=64)
    snapshot = models.TextField(_("the text as it was shown"))

    class Meta:
        verbose_name = _("consent")
        verbose_name_plural = _("consents")
        constraints = [
            models.UniqueConstraint(
                fields=["user"],
                condition=Q(withdrawn_at__isnull=True),
                name="consent_open_once_per_person",
            ),
            models.CheckConstraint(
                condition=Q(withdrawn_at__isnull=True) | Q(withdrawn_at__gte=F("given_at")),
                name="consent_withdrawn_after_given",
            ),
        ]
        triggers = [
            pgtrigger.ReadOnly(name="consent_is_fixed", exclude=["withdrawn_at"]),
            pgtrigger.Protect(
                name="consent_is_withdrawn_once",
                operation=pgtrigger.Update,
                condition=pgtrigger.Q(old__withdrawn_at__isnull=False),
            ),
            pgtrigger.Protect(name="consent_is_kept", operation=pgtrigger.Delete),
        ]

    def __str__(self) -> str:
        return f"{self.version_id} {self.given_at:%Y-%m-%d}"


class AdultConfirmation(models.Model):
    """That a person said they are 18 or over. No birth date; a "no" is not kept at all."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="adult_confirmation"
    )
    confirmed_at = models.DateTimeField(_("confirmed"))

    class Meta:
        verbose_name = _("confirmation of age")
        verbose_name_plural = _("confirmations of age")

    def __str__(self) -> str:
        return f"{self.confirmed_at:%Y-%m-%d}"
