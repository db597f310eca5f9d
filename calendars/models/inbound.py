"""What came back by mail: answers of calendar programs, and what people wrote."""

from __future__ import annotations

from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from common.sealing import CannotOpen, seal, unseal

SEALED_FOR = "inbound-mail"


class InboundReplyQuerySet(models.QuerySet["InboundReply"]):
    def waiting(self) -> Self:
        """Answers that nobody has applied yet, in the order in which they came."""
        return self.filter(state=InboundReply.State.WAITING).order_by("pk")

    def for_a_person(self) -> Self:
        """What somebody must look at, the oldest first."""
        return self.filter(state=InboundReply.State.OPEN).order_by("received_at", "pk")

    def unanswered(self) -> Self:
        """Letters whose writers have not heard yet that they came."""
        return self.filter(kind=InboundReply.Kind.LETTER, answered_at__isnull=True).order_by("pk")

    def past(self) -> Self:
        """What was settled without a person or by one, the newest first."""
        return self.exclude(
            state__in=[InboundReply.State.WAITING, InboundReply.State.OPEN]
        ).order_by("-received_at", "-pk")


class InboundReply(models.Model):
    """One mail to us: the answer of a calendar program, or words of a person.

    It is stored once for each Message-ID and applied later by the app it is about, which pulls it
    from here. Words are sealed: nobody reads them in a database or a log.
    """

    class Kind(models.TextChoices):
        ANSWER = "answer", _("Answer of a calendar")
        LETTER = "letter", _("Somebody wrote")

    class Desk(models.TextChoices):
        """Who reads it. An address that is signed for an RSVP is about an event; anything else
        may be about care, so nobody else sees it."""

        EVENTS = "events", _("Events")
        CARE = "care", _("Care")

    class State(models.TextChoices):
        WAITING = "waiting", _("Waiting")
        APPLIED = "applied", _("Applied")
        REFUSED = "refused", _("Not applied")
        OPEN = "open", _("For a person")
        CLOSED = "closed", _("Done")

    class Reason(models.TextChoices):
        """Why an answer was not applied, or what a person must do about it."""

        NONE = "", ""
        SENDER = "sender", _("Nothing proves that it comes from the address it says.")
        OTHER_PERSON = "other_person", _("It answers for somebody else than was invited.")
        UNREADABLE = "unreadable", _("The calendar part could not be read.")
        OTHER_ENTRY = "other_entry", _("It is about another entry than the invitation.")
        OLD = "old", _("It answers an invitation that has changed since.")
        SEEN = "seen", _("A newer answer came before it.")
        TOO_LATE = "too_late", _("The date is over, or RSVPs are closed.")
        COUNTER = "counter", _("They propose another time.")
        DELEGATED = "delegated", _("They want to send somebody else.")
        UNKNOWN_ANSWER = "unknown_answer", _("It is neither yes, no nor maybe.")
        COMMENT = "comment", _("They added words to their answer.")
        WORDS = "words", _("They wrote to us.")

    kind = models.CharField(_("kind"), max_length=8, choices=Kind)
    desk = models.CharField(_("desk"), max_length=8, choices=Desk)
    state = models.CharField(_("state"), max_length=8, choices=State)
    reason = models.CharField(
        _("reason"), max_length=20, choices=Reason, blank=True, default=Reason.NONE
    )
    message_id = models.CharField(_("Message-ID"), max_length=200, unique=True)
    received_at = models.DateTimeField(_("received"))
    sender = models.CharField(_("from"), max_length=254, blank=True)
    about = models.CharField(
        _("about"), max_length=24, blank=True, help_text=_("What the signed address names.")
    )
    # What a calendar program answers.
    uid = models.CharField(_("calendar UID"), max_length=200, blank=True)
    recurrence_id = models.CharField(_("date of a series"), max_length=40, blank=True)
    sequence = models.PositiveIntegerField(_("calendar sequence"), null=True, blank=True)
    stamped_at = models.DateTimeField(_("answered"), null=True, blank=True)
    attendee = models.CharField(_("who answers"), max_length=254, blank=True)
    answer = models.CharField(_("answer"), max_length=20, blank=True)
    # What a person wrote, unreadable in the database.
    sealed_text = models.TextField(_("words"), blank=True, editable=False)
    answered_at = models.DateTimeField(
        _("receipt sent"),
        null=True,
        blank=True,
        help_text=_("When we told the writer that it came, and where help is now."),
    )
    closed_at = models.DateTimeField(_("done"), null=True, blank=True)
    closed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        verbose_name=_("done by"),
        null=True,
        blank=True,
        related_name="+",
    )
    purged_at = models.DateTimeField(_("contents deleted"), null=True, blank=True)

    objects = InboundReplyQuerySet.as_manager()

    class Meta:
        verbose_name = _("inbound mail")
        verbose_name_plural = _("inbound mails")
        constraints = [
            models.CheckConstraint(
                condition=Q(kind__in=["answer", "letter"]), name="inbound_kind_known"
            ),
            models.CheckConstraint(
                condition=Q(desk__in=["events", "care"]), name="inbound_desk_known"
            ),
            models.CheckConstraint(
                condition=Q(state__in=["waiting", "applied", "refused", "open", "closed"]),
                name="inbound_state_known",
            ),
            # Nothing that a person wrote is settled without a person.
            models.CheckConstraint(
                condition=Q(kind="answer") | Q(state__in=["open", "closed"]),
                name="inbound_letter_is_for_a_person",
            ),
            models.CheckConstraint(
                condition=Q(state="closed", closed_at__isnull=False)
                | (~Q(state="closed") & Q(closed_at__isnull=True, closed_by__isnull=True)),
                name="inbound_closed_has_a_time",
            ),
            models.CheckConstraint(
                condition=Q(kind="letter")
                | ~Q(state="waiting")
                | Q(stamped_at__isnull=False, sequence__isnull=False),
                name="inbound_waiting_answer_is_whole",
            ),
            models.CheckConstraint(
                condition=Q(purged_at__isnull=True) | Q(sender="", attendee="", sealed_text=""),
                name="inbound_purged_holds_nothing",
            ),
        ]
        indexes = [
            models.Index(fields=["id"], condition=Q(state="waiting"), name="inbound_waiting"),
            models.Index(
                fields=["received_at", "id"], condition=Q(state="open"), name="inbound_open"
            ),
            models.Index(
                fields=["id"],
                condition=Q(kind="letter", answered_at__isnull=True),
                name="inbound_unanswered",
            ),
            models.Index(fields=["about", "stamped_at"], name="inbound_about"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.pk}"

    @property
    def text(self) -> str:
        """What the person wrote; "" when nothing, or when the key is lost."""
        if not self.sealed_text:
            return ""
        try:
            return unseal(self.sealed_text, SEALED_FOR)
        except CannotOpen:
            return ""

    @text.setter
    def text(self, words: str) -> None:
        self.sealed_text = seal(words, SEALED_FOR) if words else ""
