"""What the database refuses of practices, bookings and codes, going round the code."""

import datetime as dt

import pytest
from django.db import IntegrityError, transaction

from tests.conftest import NOW
from tests.factories import (
    BookingFactory,
    LicenceFactory,
    PracticeFactory,
    PracticeMembershipFactory,
    PractitionerFactory,
    ServiceTypeFactory,
    SessionCodeFactory,
    UserFactory,
    WeeklyHoursFactory,
)
from therapy_credits.models import (
    Booking,
    HoursException,
    Licence,
    Practice,
    PracticeInvitation,
    PracticeMembership,
    Practitioner,
    ServiceType,
    SessionCode,
    WeeklyHours,
)

HOUR = dt.timedelta(hours=1)


def refused(rule: str):
    """The write inside is refused by the constraint called ``rule``."""
    return pytest.raises(IntegrityError, match=rule)


def update(row, **fields) -> None:
    with transaction.atomic():
        type(row).objects.filter(pk=row.pk).update(**fields)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("factory", "fields", "rule"),
    [
        (PracticeFactory, {"status": "gone"}, "practice_status_known"),
        (PracticeFactory, {"country": "gb"}, "practice_country_two_letters"),
        (PracticeMembershipFactory, {"role": "king"}, "membership_role_known"),
        (PractitionerFactory, {"formats": []}, "practitioner_formats_known"),
        (PractitionerFactory, {"formats": ["by_owl"]}, "practitioner_formats_known"),
        (PractitionerFactory, {"topics": ["diagnosis"]}, "practitioner_topics_known"),
        (LicenceFactory, {"kind": "hearsay"}, "licence_kind_known"),
        (LicenceFactory, {"confirmed_at": None}, "licence_verified_by_two_people"),
        (ServiceTypeFactory, {"minutes": 5}, "service_minutes_in_range"),
        (ServiceTypeFactory, {"units": 0}, "service_units_positive"),
        (ServiceTypeFactory, {"currency": "gbp"}, "service_currency_three_letters"),
        (WeeklyHoursFactory, {"weekday": 7}, "hours_weekday_known"),
        (WeeklyHoursFactory, {"ends": dt.time(9)}, "hours_end_after_start"),
    ],
)
def test_a_practice_cannot_be_written_wrong(factory, fields, rule) -> None:
    row = factory()
    with refused(rule):
        update(row, **fields)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("factory", "name"),
    [
        (LicenceFactory, "licence"),
        (PracticeFactory, "practice"),
        (ServiceTypeFactory, "servicetype"),
    ],
)
def test_two_different_people_verify_a_licence_a_practice_and_a_rate(factory, name) -> None:
    row = factory()
    with refused(f"{name}_verified_by_two_people"):
        update(row, confirmed_by=row.checked_by)
    with refused(f"{name}_verified_by_two_people"):  # a second look needs a first
        update(row, checked_by=None, checked_at=None)
    with refused(f"{name}_check_has_a_person_and_a_time"):
        update(row, checked_at=None)


@pytest.mark.django_db
@pytest.mark.parametrize("status", ["active", "paused"])
def test_a_practice_that_two_people_did_not_check_is_not_open(status: str) -> None:
    row = PracticeFactory(status="pending", confirmed_by=None, confirmed_at=None)
    with refused("practice_open_only_when_verified"):
        update(row, status=status)


@pytest.mark.django_db
def test_a_rate_that_two_people_did_not_check_is_not_offered() -> None:
    row = ServiceTypeFactory(is_active=False, confirmed_by=None, confirmed_at=None)
    with refused("service_offered_only_when_verified"):
        update(row, is_active=True)


@pytest.mark.django_db
def test_a_person_works_for_one_practice_at_a_time() -> None:
    membership = PracticeMembershipFactory()
    with refused("membership_one_at_a_time"), transaction.atomic():
        PracticeMembershipFactory(user=membership.user)
    update(membership, ended_at=NOW)
    PracticeMembershipFactory(user=membership.user)


@pytest.mark.django_db
def test_an_invitation_names_a_known_role() -> None:
    with refused("practice_invitation_role_known"), transaction.atomic():
        PracticeInvitation.objects.create(
            practice=PracticeFactory(),
            email="new@example.org",
            role="king",
            digest="0" * 64,
            invited_by=UserFactory(),
            invited_at=NOW,
            expires_at=NOW + HOUR,
        )


@pytest.mark.django_db
def test_hours_and_exceptions_are_said_once() -> None:
    hours = WeeklyHoursFactory()
    with refused("hours_once_per_start"), transaction.atomic():
        WeeklyHoursFactory(practitioner=hours.practitioner)
    day_off = HoursException.objects.create(
        practitioner=hours.practitioner, on_date=dt.date(2026, 6, 4)
    )
    with refused("exception_once_per_start"), transaction.atomic():
        HoursException.objects.create(practitioner=hours.practitioner, on_date=dt.date(2026, 6, 4))
    with refused("exception_closed_or_open"):
        update(day_off, starts=dt.time(9))


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("fields", "rule"),
    [
        ({"status": "maybe", "resolved_at": NOW}, "booking_status_known"),
        ({"ends_at": NOW}, "booking_ends_after_start"),
        ({"status": "attended"}, "booking_resolved_once"),
        ({"resolved_at": NOW}, "booking_resolved_once"),
        ({"format": "by_owl"}, "booking_format_known"),
        ({"units": 0}, "booking_units_positive"),
    ],
)
def test_a_booking_cannot_be_written_wrong(pool, fields, rule) -> None:
    booking = BookingFactory(pool=pool)
    with refused(rule):
        update(booking, **fields)


@pytest.mark.django_db
def test_a_practitioner_is_never_in_two_sessions_at_once(pool) -> None:
    first = BookingFactory(pool=pool)
    with refused("booking_practitioner_one_at_a_time"), transaction.atomic():
        BookingFactory(
            pool=pool,
            practitioner=first.practitioner,
            starts_at=first.starts_at + dt.timedelta(minutes=49),
        )
    # Back to back is fine, and so is the time of one that was cancelled.
    BookingFactory(pool=pool, practitioner=first.practitioner, starts_at=first.ends_at)
    update(first, status="cancelled", resolved_at=NOW)
    BookingFactory(pool=pool, practitioner=first.practitioner, starts_at=first.starts_at)


@pytest.mark.django_db
def test_a_person_is_never_in_two_sessions_at_once(pool) -> None:
    first = BookingFactory(pool=pool)
    with refused("booking_person_one_at_a_time"), transaction.atomic():
        BookingFactory(pool=pool, subject=first.subject)


@pytest.mark.django_db
@pytest.mark.parametrize("field", ["reference", "request_id", "hold_group"])
def test_a_booking_is_one_booking(pool, field) -> None:
    first = BookingFactory(pool=pool)
    with pytest.raises(IntegrityError, match=field), transaction.atomic():
        BookingFactory(pool=pool, **{field: getattr(first, field)})


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("fields", "rule"),
    [
        ({"status": "lost", "resolved_at": NOW}, "session_code_status_known"),
        ({"status": "cancelled"}, "session_code_resolved_once"),
        ({"status": "redeemed", "resolved_at": NOW}, "session_code_redeemed_by_a_practice"),
        ({"digest": "ABCDEFGHJKMNPQ"}, "session_code_digest_only"),
    ],
)
def test_a_code_cannot_be_written_wrong(pool, fields, rule) -> None:
    code = SessionCodeFactory(pool=pool)
    with refused(rule):
        update(code, **fields)


@pytest.mark.django_db
@pytest.mark.parametrize("field", ["reference", "request_id", "digest", "hold_group"])
def test_a_code_is_one_code(pool, field) -> None:
    first = SessionCodeFactory(pool=pool)
    with pytest.raises(IntegrityError, match=field), transaction.atomic():
        SessionCodeFactory(pool=pool, **{field: getattr(first, field)})


def test_the_lists_in_the_constraints_are_the_lists_of_the_models() -> None:
    def values(model, rule):
        (constraint,) = (c for c in model._meta.constraints if c.name == rule)
        return repr(constraint.condition)

    for model, rule, choices in (
        (Practice, "practice_status_known", Practice.Status),
        (PracticeMembership, "membership_role_known", PracticeMembership.Role),
        (Licence, "licence_kind_known", Licence.Kind),
        (Booking, "booking_status_known", Booking.Status),
        (SessionCode, "session_code_status_known", SessionCode.Status),
    ):
        assert repr(list(choices.values)) in values(model, rule)


def test_practices_hold_nothing_about_a_person() -> None:
    fields = {
        field.name
        for model in (Practice, Practitioner, ServiceType, WeeklyHours, Booking, SessionCode)
        for field in model._meta.get_fields()
    }
    # No free text about anybody: notes are where things leak.
    assert not {name for name in fields if "note" in name or "reason" in name}
    people = [f for f in Booking._meta.get_fields() if getattr(f, "name", "") == "user"]
    assert people == []
