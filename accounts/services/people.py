"""People: adding one we know of, and what they say about themselves."""

from __future__ import annotations

from datetime import datetime

from allauth.account.models import EmailAddress
from django.db import transaction

from accounts.models import User
from accounts.services import audit


@transaction.atomic
def add_person(
    *,
    email: str,
    name: str,
    password: str | None = None,
    language: str = "",
    time_zone: str = "",
    is_demo: bool = False,
) -> User:
    """A person whose address is known to be theirs, so that they can sign in at once.

    Without a password they sign in by a code. Adding the same address again returns the
    first and changes nothing.
    """
    address = email.strip().lower()
    known = User.objects.filter(email__iexact=address).first()
    if known is not None:
        return known
    user = User.objects.create_user(
        address, password, name=name, language=language, time_zone=time_zone, is_demo=is_demo
    )
    EmailAddress.objects.create(user=user, email=address, verified=True, primary=True)
    return user


@transaction.atomic
def change_profile(*, user: User, name: str, language: str, time_zone: str, at: datetime) -> User:
    """What a person says about themselves: their name, their language, where they are."""
    row = User.objects.select_for_update().get(pk=user.pk)
    new = {"name": name, "language": language, "time_zone": time_zone}
    changed = [field for field, value in new.items() if getattr(row, field) != value]
    if not changed:
        return row
    for field in changed:
        setattr(row, field, new[field])
    row.save(update_fields=changed)
    audit.record(row, "profile.change", row, at, fields=changed)
    return row
