"""Small steps that several tests of this app take."""

from __future__ import annotations

import re

from ambassadors.models import Agreement, AgreementText, Invitation
from ambassadors.queries import current_version, text_in
from notifications.models import Message


def agreement_text() -> AgreementText:
    """The agreement people are asked for now."""
    text = text_in(current_version(Agreement.Kind.AGREEMENT), "en")
    assert text is not None
    return text


def consent_text() -> AgreementText:
    """The consent people are asked for now."""
    text = text_in(current_version(Agreement.Kind.HEALTH_CONSENT), "en")
    assert text is not None
    return text


def mail_of(invitation: Invitation) -> Message:
    """The newest mail of an invitation."""
    return Message.objects.get(key=f"invitation:{invitation.pk}:{invitation.sent_count}")


def secret_of(invitation: Invitation) -> str:
    """The secret in that mail: the only place it can be read."""
    return secret_in(mail_of(invitation).key)


def secret_in(key: str) -> str:
    """The secret in the link of the mail with this key."""
    found = re.search(r"/(?:join|accept)/([^/\s]+)/", Message.objects.get(key=key).text)
    assert found is not None
    return found[1]
