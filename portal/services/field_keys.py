"""Sealing again, by the newest of ``FIELD_KEYS``, what older ones have sealed."""

from __future__ import annotations

from collections.abc import Iterator

from allauth.mfa.models import Authenticator
from django.db import models, transaction

from accounts.adapters import SECOND_FACTOR
from calendars.models import InboundReply
from calendars.models.inbound import SEALED_FOR as INBOUND_MAIL
from common.sealing import CannotOpen, reseal
from events.models import Incident
from events.models.incidents import SEALED_FOR as INCIDENT
from therapy_credits.models import CareKey, Concern
from therapy_credits.models.subjects import purpose_of

# Which columns ``FIELD_KEYS`` seal, and for what. What people told for care is sealed under keys of
# its own: those are wrapped again, and it stays as it is.
COLUMNS: tuple[tuple[type[models.Model], str, str], ...] = (
    (Concern, "sealed_who", "concern.who"),
    (Concern, "sealed_words", "concern.words"),
    (Incident, "sealed_words", INCIDENT),
    (InboundReply, "sealed_text", INBOUND_MAIL),
)
# Of allauth's second factors, what is sealed inside ``data``.
SECRETS = ("secret", "seed")
BATCH = 500


def rotate() -> tuple[int, int]:
    """Seal everything again. How many texts were, and how many no key opens any more.

    Row by row, each locked: it may be stopped and begun again while the site is in use.
    """
    outcomes = [outcome for one in _work() for outcome in one]
    return outcomes.count(True), outcomes.count(False)


def _work() -> Iterator[list[bool]]:
    for model, field, purpose in COLUMNS:
        rows = model._default_manager.exclude(**{field: ""})
        yield from (_column(model, pk, field, purpose) for pk in _keys_of(rows))
    for token in _keys_of(CareKey.objects.all()):
        yield _column(CareKey, token, "wrapped", purpose_of(token))
    for pk in _keys_of(Authenticator.objects.all()):
        yield _authenticator(pk)


def _keys_of(rows: models.QuerySet) -> list:  # type: ignore[type-arg]  # of any table
    return list(rows.order_by("pk").values_list("pk", flat=True))


@transaction.atomic
def _column(model: type[models.Model], pk: object, field: str, purpose: str) -> list[bool]:
    row = model._default_manager.select_for_update(no_key=True).filter(pk=pk).first()
    sealed = getattr(row, field, "")
    if row is None or not sealed:
        return []
    try:
        setattr(row, field, reseal(sealed, purpose))
    except CannotOpen:
        return [False]
    row.save(update_fields=[field])
    return [True]


@transaction.atomic
def _authenticator(pk: object) -> list[bool]:
    row = Authenticator.objects.select_for_update(no_key=True).filter(pk=pk).first()
    if row is None:
        return []
    done = []
    for name in SECRETS:
        if name in row.data:
            try:
                row.data[name] = reseal(row.data[name], SECOND_FACTOR)
                done.append(True)
            except CannotOpen:
                done.append(False)
    row.save(update_fields=["data"])
    return done
