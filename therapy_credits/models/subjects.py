"""Who is behind a token: the one table that knows, and knows it sealed."""

from __future__ import annotations

from functools import cached_property
from typing import Any, ClassVar
from uuid import UUID, uuid4

from django.db import models
from django.db.models import OuterRef, Q, Subquery
from django.utils.translation import gettext_lazy as _

from ambassadors.models import Programme
from common.sealing import CannotOpen, new_key, seal_under, unseal_under, unwrap


class Subject(models.Model):
    """One person in one programme-year, as the ledger and the bookings know them.

    The token is random and new for each programme-year, so that nobody can
    follow a person from year to year through the books. Nothing here says who
    it is: ``CareKey`` does, for as long as that is to be known.
    """

    token = models.UUIDField(primary_key=True, default=uuid4, editable=False)
    programme = models.ForeignKey(
        Programme, verbose_name=_("programme"), on_delete=models.PROTECT, related_name="+"
    )
    # The year in which the term began, as the programme dates it.
    year = models.PositiveSmallIntegerField(_("year"))
    made_at = models.DateTimeField(_("made"))

    objects: ClassVar[models.Manager[Subject]] = models.Manager()

    class Meta:
        verbose_name = _("subject")
        verbose_name_plural = _("subjects")

    def __str__(self) -> str:
        return str(self.token)


class CareKey(models.Model):
    """The way from one token to its person, and the key of what they told under that token.

    ``person`` is the user's id, sealed; ``person_digest`` is a keyed digest by which a person who
    is signed in finds their own tokens. Only ``services.subjects`` reads either. Both are empty
    for a gift that nobody has claimed and for the door of a person's care, which need a key alone.

    Deleting the row forgets all of it for good, in every copy of the other tables too: this table
    is not in the main backup (``manage.py backup``), and its own backups are kept for a month.
    """

    token = models.UUIDField(primary_key=True, editable=False)
    person_digest = models.CharField(max_length=64, unique=True, null=True, blank=True)
    person = models.TextField(blank=True)
    # A random key, wrapped by FIELD_KEYS for this row alone.
    wrapped = models.TextField()

    objects: ClassVar[models.Manager[CareKey]] = models.Manager()

    class Meta:
        verbose_name = _("key of care")
        verbose_name_plural = _("keys of care")
        constraints = [
            models.CheckConstraint(
                name="care_key_of_a_person_or_of_nobody",
                condition=Q(person_digest__isnull=True, person="")
                | (Q(person_digest__isnull=False) & ~Q(person="")),
            ),
        ]

    def __str__(self) -> str:
        return str(self.token)

    @classmethod
    def new(cls, token: UUID, **fields: Any) -> CareKey:
        """A row with a new key, not saved yet."""
        _key, wrapped = new_key(purpose_of(token))
        return cls(token=token, wrapped=wrapped, **fields)

    @cached_property
    def _key(self) -> bytes:
        return unwrap(self.wrapped, purpose_of(self.token))

    def seal(self, text: str, purpose: str) -> str:
        return seal_under(self._key, text, purpose)

    def unseal(self, sealed: str, purpose: str) -> str:
        """Raises CannotOpen."""
        return unseal_under(self._key, sealed, purpose)


def purpose_of(token: UUID) -> str:
    """What the key of ``token`` is wrapped for: in another row it does not open."""
    return f"therapy_credits.care-key.{token}"


def wrapped_key() -> Subquery:
    """For ``annotate(wrapped_key=…)``: the keys of a list, with its rows, in one query."""
    return Subquery(CareKey.objects.filter(token=OuterRef("subject")).values("wrapped"))


class UnderKey(models.Model):
    """A row of which some texts are sealed under the key of its ``subject``."""

    class Meta:
        abstract = True

    @cached_property
    def care_key(self) -> CareKey | None:
        """The key of this row's token; None when it has been forgotten."""
        token: UUID = getattr(self, "subject")  # noqa: B009 - a field of whoever inherits
        if "wrapped_key" in self.__dict__:
            wrapped = self.__dict__["wrapped_key"]
            return CareKey(token=token, wrapped=wrapped) if wrapped else None
        return CareKey.objects.filter(token=token).first()

    def opened(self, sealed: str, purpose: str) -> str:
        """What was sealed for ``purpose``; empty when nothing was, or its key is gone."""
        if not sealed or self.care_key is None:
            return ""
        try:
            return self.care_key.unseal(sealed, purpose)
        except CannotOpen:
            return ""
