"""Publishing texts, and keeping that people said yes to them."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from accounts.models import User
from ambassadors.domain import standard_texts
from ambassadors.errors import TextChanged
from ambassadors.models import (
    Acceptance,
    AdultConfirmation,
    Agreement,
    AgreementText,
    AgreementVersion,
    Consent,
    Enrolment,
)
from ambassadors.queries import current_version

_NAMES = {
    Agreement.Kind.AGREEMENT: ("ambassador", "Ambassador agreement"),
    Agreement.Kind.HEALTH_CONSENT: ("health-data", "Consent to health data"),
}


@transaction.atomic
def ensure_texts(*, at: datetime) -> None:
    """See that there is an agreement and a consent to say yes to: at first, our drafts."""
    for kind, (slug, name) in _NAMES.items():
        if current_version(kind) is not None:
            continue
        agreement, _ = Agreement.objects.get_or_create(
            slug=slug, defaults={"name": name, "kind": kind}
        )
        # The row is the lock: two people who are the first together publish one version.
        Agreement.objects.select_for_update().get(pk=agreement.pk)
        if current_version(kind) is None:
            text = standard_texts.standard_text(kind)
            publish_version(
                agreement=agreement, texts={"en": (text.title, text.body)}, is_material=True, at=at
            )


@transaction.atomic
def publish_version(
    *, agreement: Agreement, texts: dict[str, tuple[str, str]], is_material: bool, at: datetime
) -> AgreementVersion:
    """The next version, with its (title, text) by language; English must be among them.

    A new text is a draft until somebody is named as having reviewed it.
    """
    Agreement.objects.select_for_update().get(pk=agreement.pk)
    version = AgreementVersion.objects.create(
        agreement=agreement,
        number=agreement.versions.count() + 1,
        is_material=is_material,
        published_at=at,
    )
    AgreementText.objects.bulk_create(
        AgreementText(
            version=version,
            locale=locale,
            title=title,
            body=body,
            sha256=standard_texts.digest(title, body),
        )
        for locale, (title, body) in texts.items()
    )
    return version


def record_acceptance(
    *, enrolment: Enrolment, text: AgreementText, user: User, at: datetime
) -> Acceptance:
    """Keep that ``user`` agreed to ``text`` for ``enrolment``; a second time is the first."""
    acceptance, _ = Acceptance.objects.get_or_create(
        enrolment=enrolment,
        version=text.version,
        defaults={
            "accepted_by": user,
            "accepted_at": at,
            "locale_shown": text.locale,
            "text_sha256": text.sha256,
            "snapshot": text.body,
        },
    )
    return acceptance


@transaction.atomic
def give_consent(*, user: User, text: AgreementText, at: datetime) -> Consent:
    """Keep that ``user`` said yes to ``text``. Saying it twice is saying it once."""
    if text.version != current_version(Agreement.Kind.HEALTH_CONSENT):
        raise TextChanged
    User.objects.select_for_update(no_key=True).get(pk=user.pk)
    consent, _ = Consent.objects.get_or_create(
        user=user,
        withdrawn_at=None,
        defaults={
            "version": text.version,
            "given_at": at,
            "locale_shown": text.locale,
            "text_sha256": text.sha256,
            "snapshot": text.body,
        },
    )
    return consent


def withdraw_consent(*, user: User, at: datetime) -> bool:
    """Take the yes back. Nothing new is held from now on; what is booked stays booked.

    Whether there was a yes to take back.
    """
    return bool(
        Consent.objects.filter(user=user, withdrawn_at__isnull=True).update(withdrawn_at=at)
    )


def confirm_adult(*, user: User, at: datetime) -> None:
    """Keep that ``user`` said they are 18 or over, so that nobody asks again."""
    AdultConfirmation.objects.get_or_create(user=user, defaults={"confirmed_at": at})
