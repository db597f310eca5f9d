"""django-allauth's mail, through the outbox like every other."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from allauth.core import context as current
from django.utils import timezone
from django.utils.translation import get_language

from accounts.adapters import PeopleAdapter
from accounts.models import User
from notifications.services.messages import queue_message


class MailAdapter(PeopleAdapter):
    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """Queue ``accounts/mail/<name>`` instead of ``account/email/<name>`` of allauth's own.

        Each is asked for by a person at that moment, so each has a key of its own.
        """
        name = template_prefix.rsplit("/", 1)[-1]
        queue_message(
            key=f"accounts:{name}:{uuid4()}",
            to=email,
            template=f"accounts/mail/{name}",
            context={**context, "email": email},
            language=_language_of(context.get("user")) or get_language() or "",
            at=timezone.now(),
        )


def _language_of(user: object) -> str:
    """The language a person chose; for their own mail, that of whoever is signed in."""
    if user is None and current.request is not None:
        user = current.request.user
    return user.language if isinstance(user, User) else ""
