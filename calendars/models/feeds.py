"""What a subscriber's program asks first: "has anything changed?" and "whose link is this?"."""

from __future__ import annotations

from datetime import timedelta
from typing import Self

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from common import tokens

_LINK = "calendar-feed"
# How long anybody can see that a link was used (docs/privacy.md, feed fetches).
FETCHES_KEPT = timedelta(days=7)


class FeedRevision(models.Model):
    """How often a feed's contents have changed, and when last.

    Not the newest of its entries' changes: that goes back when an entry is deleted, and a
    subscriber would be told "nothing new" and keep what is gone. No row means never changed.
    """

    key = models.CharField(_("feed"), max_length=80, primary_key=True)
    revision = models.BigIntegerField(_("revision"))
    revised_at = models.DateTimeField(_("revised"))

    class Meta:
        verbose_name = _("feed revision")
        verbose_name_plural = _("feed revisions")
        constraints = [
            models.CheckConstraint(
                condition=models.Q(revision__gte=1), name="feed_revision_starts_at_one"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.key} {self.revision}"


class FeedTokenQuerySet(models.QuerySet["FeedToken"]):
    def open(self) -> Self:
        """Those that their person has not closed."""
        return self.filter(closed_at__isnull=True)


class FeedToken(models.Model):
    """A person's secret calendar link: one for each purpose.

    The secret is not stored. It is derived from the row and its generation, so it can be
    shown again, and a new generation makes the old link open nothing.
    """

    class Purpose(models.TextChoices):
        PERSONAL = "personal", _("everything of mine")

    class Alarm(models.IntegerChoices):
        """How many minutes before. Kept in the calendar, where nobody here sees it go off."""

        QUARTER = 15, _("15 minutes before")
        HOUR = 60, _("1 hour before")
        DAY = 1440, _("1 day before")

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,  # a link to a person's calendar is no history: it goes with them
        related_name="feed_tokens",
        verbose_name=_("person"),
    )
    purpose = models.CharField(_("purpose"), max_length=20, choices=Purpose)
    generation = models.PositiveIntegerField(_("generation"), default=1)
    rotated_at = models.DateTimeField(_("link made"))
    closed_at = models.DateTimeField(_("closed"), null=True, blank=True)
    shows_busy = models.BooleanField(_("show private appointments as “Busy”"), default=False)
    alarm_minutes = models.PositiveSmallIntegerField(
        _("remind me"), choices=Alarm, null=True, blank=True
    )

    objects = FeedTokenQuerySet.as_manager()

    class Meta:
        verbose_name = _("calendar link")
        verbose_name_plural = _("calendar links")
        constraints = [
            models.UniqueConstraint(
                fields=["user", "purpose"], name="feed_token_one_per_person_and_purpose"
            ),
            models.CheckConstraint(
                condition=models.Q(purpose__in=["personal"]), name="feed_token_purpose_known"
            ),
            models.CheckConstraint(
                condition=models.Q(generation__gte=1), name="feed_token_generation_starts_at_one"
            ),
            models.CheckConstraint(
                condition=models.Q(alarm_minutes__isnull=True)
                | models.Q(alarm_minutes__in=[15, 60, 1440]),
                name="feed_token_alarm_known",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.purpose} {self.pk}/{self.generation}"

    @property
    def secret(self) -> str:
        """What the link holds: which row, and the 192 bits that open it."""
        return f"{self.pk}-{tokens.derive(_LINK, self.pk, self.purpose, self.generation)}"

    def is_opened_by(self, secret: str) -> bool:
        return tokens.matches(secret, self.secret)


class FeedFetch(models.Model):
    """When a calendar link was last used, and by which program.

    Each use is noted in the cache, which is quick and may forget; the schedule writes it down
    here, where it is kept for seven days (``services.fetches``).
    """

    link = models.OneToOneField(
        FeedToken,
        models.CASCADE,  # of no use without the link
        primary_key=True,
        verbose_name=_("calendar link"),
        related_name="fetch",
    )
    generation = models.PositiveIntegerField(_("generation"))
    fetched_at = models.DateTimeField(_("fetched"))
    program = models.CharField(_("program"), max_length=40, blank=True)

    class Meta:
        verbose_name = _("use of a calendar link")
        verbose_name_plural = _("uses of calendar links")
        indexes = [models.Index(fields=["fetched_at"], name="feed_fetch_by_time")]

    def __str__(self) -> str:
        return f"{self.link_id} {self.fetched_at}"
