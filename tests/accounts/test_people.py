import pytest
from django.db import IntegrityError

from accounts.models import User


def test_an_address_is_one_person_in_any_case(attendee: User) -> None:
    with pytest.raises(IntegrityError):
        User(email="ATTENDEE@example.org").save()
