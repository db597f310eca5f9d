"""Publishing texts, and keeping that people said yes to them."""

from __future__ import annotations

from datetime import date, datetime

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet

from accounts.models import User
from accounts.services import audit
from ambassadors.domain import standard_texts
from ambassadors.errors import AlreadyTranslated, TextChanged
from ambassadors.models import (
    Acceptance,
    AdultConfirmation,
    Agreement,
    AgreementText,
    AgreementVersion,
    Consent,
    Enrolment,
)
from ambassadors.queries import asked_again, current_version, owing_consent
from common.hints import hint
from notifications.services.messages import queue_message

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
    *,
    agreement: Agreement,
    texts: dict[str, tuple[str, str]],
    is_material: bool,
    by: User | None = None,
    at: datetime,
) -> AgreementVersion:
    """The next version, with its (title, text) by language; English must be among them.

    A new text is a draft until somebody is named as having reviewed it. A material version
    asks those who agreed before again; they are told by mail, in the background.
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
    audit.record(by, "agreement.publish", version, at)
    hint("agreement-published")
    return version


@transaction.atomic
def add_translation(
    *, version: AgreementVersion, locale: str, title: str, body: str, by: User, at: datetime
) -> AgreementText:
    """``version`` in one more language. What is there already is never changed."""
    AgreementVersion.objects.select_for_update().get(pk=version.pk)
    if AgreementText.objects.filter(version=version, locale=locale).exists():
        raise AlreadyTranslated
    text = AgreementText.objects.create(
        version=version,
        locale=locale,
        title=title,
        body=body,
        sha256=standard_texts.digest(title, body),
    )
    audit.record(by, "agreement.translate", text, at)
    return text


@transaction.atomic
def mark_reviewed(
    *, text: AgreementText, reviewed_by: str, reviewed_on: date, by: User, at: datetime
) -> AgreementText:
    """Name who read ``text`` and stands for it. A text is reviewed once."""
    row = AgreementText.objects.select_for_update().get(pk=text.pk)
    if row.review == AgreementText.Review.REVIEWED:
        return row
    row.review = AgreementText.Review.REVIEWED
    row.reviewed_by, row.reviewed_on = reviewed_by, reviewed_on
    row.save(update_fields=["review", "reviewed_by", "reviewed_on"])
    audit.record(by, "agreement.review", row, at, fields=["review", "reviewed_by"])
    return row


@transaction.atomic
def tell_of_changes(*, limit: int, at: datetime) -> int:
    """Mail up to ``limit`` of those who have to agree again; how many were told.

    How far it came stands in the version's row, which is the lock: nobody is told twice, and
    whoever continues after a crash goes on where it stopped.
    """
    version = (
        AgreementVersion.objects.select_for_update(skip_locked=True, of=("self",))
        .filter(told_at__isnull=True, is_material=True, number__gt=1)
        .select_related("agreement")
        .order_by("pk")
        .first()
    )
    if version is None:
        return 0
    is_agreement = version.agreement.kind == Agreement.Kind.AGREEMENT
    owing: QuerySet[Enrolment] | QuerySet[Consent] = (
        asked_again(version) if is_agreement else owing_consent(version)
    )
    rows = owing.filter(pk__gt=version.told_to).order_by("pk").values_list("pk", "user_id")
    chunk = list(rows[:limit])
    people = User.objects.in_bulk({user_id for _pk, user_id in chunk})
    for _pk, user_id in chunk:
        user = people[user_id]
        queue_message(
            key=f"text-changed:{version.pk}:{user.pk}",
            to=user.email,
            template="ambassadors/mail/text_changed",
            context={"name": user.name, "link": settings.BASE_URL + "/me/"},
            language=user.language,
            at=at,
        )
    if len(chunk) < limit:
        version.told_at = at
    if chunk:
        version.told_to = chunk[-1][0]
    version.save(update_fields=["told_to", "told_at"])
    return len(chunk)


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
    # A yes to an older version ends where the yes to this one begins: both stay in the history.
    Consent.objects.filter(user=user, withdrawn_at__isnull=True).exclude(
        version=text.version
    ).update(withdrawn_at=at)
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
