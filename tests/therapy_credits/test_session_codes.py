"""Codes for practices that show no times here."""

import datetime as dt
import os
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.services.grants import give_role
from ambassadors.models import AdultConfirmation, Consent
from common import tokens
from common.codes import SYMBOLS, new_code, show_code
from notifications.models import Message
from tests.conftest import NOW
from tests.factories import PracticeFactory, SessionCodeFactory, UserFactory
from tests.therapy_credits.care import Client, Desk, left_booked_used, make_client, make_desk
from tests.therapy_credits.conftest import account_of
from therapy_credits.errors import (
    AdultsOnly,
    AlreadyClosed,
    CannotUndo,
    CodeMistyped,
    CodeNotAccepted,
    ConsentMissing,
    NotEnoughSessions,
    TooManyTries,
    WrongSessionDay,
)
from therapy_credits.models import Kind, SessionCode, Transfer
from therapy_credits.queries.bookings import redeemed_codes_of
from therapy_credits.services import code_tries
from therapy_credits.services.session_codes import (
    CODE_LIFE,
    UNDO_WINDOW,
    cancel_code,
    expire_codes,
    issue_code,
    redeem_code,
    undo_redemption,
)

TODAY = NOW.date()
pytestmark = pytest.mark.django_db


@pytest.fixture
def client_() -> Client:
    return make_client()


@pytest.fixture
def desk() -> Desk:
    return make_desk()


def issue(client: Client, at: dt.datetime = NOW) -> tuple[SessionCode, str]:
    issued = issue_code(user=client.user, request_id=uuid4(), at=at)
    assert issued.text is not None
    return issued.code, issued.text


def redeem(
    text: str,
    desk: Desk,
    *,
    at: dt.datetime = NOW,
    address: str = "192.0.2.7",
    held_on: dt.date | None = None,
) -> SessionCode:
    return redeem_code(
        text=text,
        membership=desk.membership,
        service=desk.service,
        held_on=held_on or at.date(),
        address=address,
        at=at,
    )


def ledger_codes(code: SessionCode) -> list[str]:
    rows = Transfer.objects.filter(group=code.hold_group)
    return sorted(rows.values_list("code", flat=True))


# --- Issuing ---------------------------------------------------------------------------


def test_a_code_holds_one_session(client_: Client) -> None:
    code, text = issue(client_)
    assert left_booked_used(client_) == (2, 1, 0)
    assert code.expires_at == NOW + CODE_LIFE
    assert account_of(client_.pool, Kind.ISSUED).credits_pending == 1
    assert code.last_four == text[-4:]


def test_nothing_stored_leads_back_to_the_code(client_: Client) -> None:
    _, text = issue(client_)
    (row,) = SessionCode.objects.values()
    stored = " ".join(str(value) for value in row.values())
    assert text not in stored
    assert show_code(text) not in stored
    assert text[:-4] not in stored


def test_a_form_sent_twice_is_one_code_shown_once(client_: Client) -> None:
    request_id = uuid4()
    first = issue_code(user=client_.user, request_id=request_id, at=NOW)
    again = issue_code(user=client_.user, request_id=request_id, at=NOW)
    assert again.code == first.code
    assert again.text is None
    assert left_booked_used(client_) == (2, 1, 0)


def test_a_code_needs_consent_an_adult_and_a_session() -> None:
    empty = make_client("empty", units=0)
    with pytest.raises(NotEnoughSessions):
        issue(empty)
    client = make_client("client")
    AdultConfirmation.objects.all().delete()
    with pytest.raises(AdultsOnly):
        issue(client)
    Consent.objects.update(withdrawn_at=NOW)
    with pytest.raises(ConsentMissing):
        issue(client, at=NOW + dt.timedelta(seconds=1))
    assert left_booked_used(client) == (3, 0, 0)
    assert SessionCode.objects.count() == 0


def test_an_unused_code_can_be_taken_back(client_: Client, desk: Desk) -> None:
    code, text = issue(client_)
    for _ in range(2):
        assert cancel_code(code=code, at=NOW).status == "cancelled"
    assert left_booked_used(client_) == (3, 0, 0)
    with pytest.raises(CodeNotAccepted):
        redeem(text, desk)
    assert left_booked_used(client_) == (3, 0, 0)


def test_a_used_code_cannot_be_taken_back(client_: Client, desk: Desk) -> None:
    code, text = issue(client_)
    redeem(text, desk)
    with pytest.raises(AlreadyClosed):
        cancel_code(code=code, at=NOW)
    assert left_booked_used(client_) == (2, 0, 1)


# --- Redeeming -----------------------------------------------------------------------


def test_a_redeemed_code_is_charged_and_assigned_in_one_go(client_: Client, desk: Desk) -> None:
    code, text = issue(client_)
    done = redeem(text, desk)
    assert (done.pk, done.status, done.held_on) == (code.pk, "redeemed", TODAY)
    assert (done.practice, done.redeemed_by) == (
        desk.practitioner.practice,
        desk.membership.user,
    )
    assert (done.rate_minor, done.currency) == (6000, "GBP")
    assert ledger_codes(code) == ["ASSIGN", "HOLD", "REDEEM"]
    assert left_booked_used(client_) == (2, 0, 1)
    assert account_of(client_.pool, Kind.PRACTICE).left == 1
    assert account_of(client_.pool, Kind.ISSUED).left == 0


def test_it_is_read_as_people_type_it(client_: Client, desk: Desk) -> None:
    _, text = issue(client_)
    assert redeem(f" {show_code(text).lower()} ", desk).status == "redeemed"


def test_the_practice_that_redeemed_it_gets_the_same_answer_again(
    client_: Client, desk: Desk
) -> None:
    _, text = issue(client_)
    first = redeem(text, desk)
    again = redeem(text, desk, at=NOW + dt.timedelta(minutes=1))
    assert (again.pk, again.resolved_at) == (first.pk, first.resolved_at)
    assert left_booked_used(client_) == (2, 0, 1)


def test_unknown_spent_expired_and_taken_back_are_one_answer(client_: Client, desk: Desk) -> None:
    _, spent = issue(client_)
    redeem(spent, desk)
    expired_code, expired = issue(client_)
    SessionCode.objects.filter(pk=expired_code.pk).update(expires_at=NOW)
    taken_back_code, taken_back = issue(client_)
    cancel_code(code=taken_back_code, at=NOW)
    other = make_desk("Elsewhere")
    answers = set()
    queries = set()
    for text in (new_code(), spent, expired, taken_back):
        with (
            CaptureQueriesContext(
                connection,
            ) as seen,
            pytest.raises(CodeNotAccepted) as refusal,
        ):
            redeem(text, other)
        answers.add(str(refusal.value))
        queries.add(
            tuple(query["sql"].split(" WHERE ")[0] for query in seen if "FROM" in query["sql"])
        )
    assert len(answers) == 1
    # The same statements too, so that the time they take tells nothing.
    assert len(queries) == 1


def test_a_mistyped_code_is_told_before_anything_is_read(desk: Desk) -> None:
    text = new_code()
    wrong = text[:-1] + next(s for s in SYMBOLS if s != text[-1])
    _ = desk.membership.practice.zone
    with CaptureQueriesContext(connection) as seen, pytest.raises(CodeMistyped):
        redeem(wrong, desk)
    assert len(seen) == 0


@pytest.mark.parametrize("days", [-31, 1])
def test_the_session_is_of_the_last_thirty_days(client_: Client, desk: Desk, days: int) -> None:
    _, text = issue(client_)
    with pytest.raises(WrongSessionDay):
        redeem(text, desk, held_on=TODAY + dt.timedelta(days=days))
    assert left_booked_used(client_) == (2, 1, 0)


@pytest.mark.parametrize(
    ("field", "value"), [("country", "US"), ("currency", "EUR"), ("ceiling_price_minor", 5999)]
)
def test_a_practice_the_pool_does_not_pay_cannot_redeem(
    client_: Client, desk: Desk, field, value
) -> None:
    _, text = issue(client_)
    type(client_.pool).objects.filter(pk=client_.pool.pk).update(**{field: value})
    with pytest.raises(CodeNotAccepted):
        redeem(text, desk)
    assert left_booked_used(client_) == (2, 1, 0)


def test_undone_the_session_goes_back_and_the_code_stays_spent(client_: Client, desk: Desk) -> None:
    code, text = issue(client_)
    redeem(text, desk)
    for _ in range(2):
        undone = undo_redemption(code=code, membership=desk.membership, at=NOW + UNDO_WINDOW)
        assert undone.status == "undone"
    assert ledger_codes(code) == ["ASSIGN", "HOLD", "REDEEM", "REVERSAL", "REVERSAL"]
    assert left_booked_used(client_) == (3, 0, 0)
    with pytest.raises(CodeNotAccepted):
        redeem(text, desk)


def test_undo_ends_after_seven_days(client_: Client, desk: Desk) -> None:
    code, text = issue(client_)
    redeem(text, desk)
    with pytest.raises(CannotUndo):
        undo_redemption(
            code=code,
            membership=desk.membership,
            at=NOW + UNDO_WINDOW + dt.timedelta(seconds=1),
        )
    assert left_booked_used(client_) == (2, 0, 1)


def test_an_unused_code_expires_and_gives_its_session_back(client_: Client) -> None:
    code, _ = issue(client_)
    assert expire_codes(at=code.expires_at - dt.timedelta(seconds=1)) == 0
    assert expire_codes(at=code.expires_at) == 1
    assert expire_codes(at=code.expires_at) == 0
    code.refresh_from_db()
    assert code.status == "expired"
    assert ledger_codes(code) == ["HOLD", "TIMEOUT"]
    assert left_booked_used(client_, at=code.expires_at) == (3, 0, 0)


# --- Guessing ---------------------------------------------------------------------------


def guess(desk: Desk, times: int, **how: object) -> list[type]:
    """What each of ``times`` well-formed guesses is answered."""
    answers: list[type] = []
    for _ in range(times):
        try:
            redeem(new_code(), desk, **how)
        except (CodeNotAccepted, TooManyTries) as refusal:
            answers.append(type(refusal))
    return answers


def guesses_at(count: int, secret: str = "") -> int:
    """How many of ``count`` random codes of the right form are there. ``secret`` is one more.

    With the limits off: what keeps a code is its length. The look-up is by the digest that
    redeeming uses (``test_the_look_up_is_by_that_digest``), made here without its small costs.
    """
    digest_of = tokens._hmac("session-code", "").copy
    bodies = [os.urandom(13).translate(_TO_SYMBOLS).decode() for _ in range(count)]
    guesses = [secret] if secret else []
    for body in bodies:
        check = int(body.translate(_TO_BASE_32), 32) % 37
        if check < 32:
            guesses.append(body + SYMBOLS[check])
    digests = []
    for guess in guesses:
        one = digest_of()
        one.update(guess.encode())
        digests.append(one.hexdigest())
    hits = 0
    with connection.cursor() as cursor:
        cursor.execute("CREATE TEMPORARY TABLE guess (digest varchar(64)) ON COMMIT DROP")
        with cursor.copy("COPY guess FROM STDIN") as copy:
            copy.write("\n".join(digests))
        cursor.execute("SELECT count(*) FROM guess JOIN therapy_credits_sessioncode USING (digest)")
        hits = cursor.fetchone()[0]
    assert len(guesses) >= count * 0.85
    return hits


# Any byte to one of the 32 symbols, and each symbol to the digit Python reads in base 32.
_TO_SYMBOLS = bytes(ord(SYMBOLS[byte % 32]) for byte in range(256))
_TO_BASE_32 = str.maketrans(SYMBOLS, "0123456789abcdefghijklmnopqrstuv")


def test_a_million_guesses_hit_nothing(client_: Client) -> None:
    for _ in range(3):
        issue(client_)
    SessionCodeFactory.create_batch(100, pool=client_.pool)
    assert guesses_at(1_160_000) == 0


def test_control_among_the_guesses_the_right_one_is_found(client_: Client) -> None:
    _code, text = issue(client_)
    # So many that the share of right forms among them is no matter of luck (six sigma).
    assert guesses_at(20_000, text) == 1


def test_the_look_up_is_by_that_digest(client_: Client) -> None:
    """The control: with the right text the same look-up hits."""
    code, text = issue(client_)
    assert SessionCode.objects.get(digest=tokens.digest("session-code", text)) == code


def test_a_practice_is_stopped_after_ten_wrong_codes(desk: Desk) -> None:
    assert guess(desk, 12) == [CodeNotAccepted] * 10 + [TooManyTries] * 2


def test_it_may_try_again_a_quarter_of_an_hour_later(client_: Client, desk: Desk) -> None:
    _, text = issue(client_)
    guess(desk, 12)
    with pytest.raises(TooManyTries):
        redeem(text, desk)
    assert redeem(text, desk, at=NOW + code_tries.WINDOW).status == "redeemed"


def test_codes_that_are_right_never_count(desk: Desk) -> None:
    client = make_client(units=15)
    for _ in range(15):
        _, text = issue(client)
        redeem(text, desk)
    assert left_booked_used(client) == (0, 0, 15)


def test_an_address_is_stopped_across_practices() -> None:
    desks = [make_desk(f"House {n}") for n in range(3)]
    answers = [answer for desk in desks for answer in guess(desk, 8)]
    assert answers == [CodeNotAccepted] * 20 + [TooManyTries] * 4
    assert guess(desks[2], 1, address="198.51.100.4") == [CodeNotAccepted]


def test_when_everybody_is_stopped_an_honest_practice_is_not(
    client_: Client, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(code_tries.LIMITS, "everybody", 5)
    attacker = make_desk("Attacker")
    assert guess(attacker, 7, address="203.0.113.9") == [CodeNotAccepted] * 5 + [TooManyTries] * 2
    _, text = issue(client_)
    assert guess(desk, 1) == [CodeNotAccepted]  # a slip of the finger
    assert redeem(text, desk).status == "redeemed"


def test_a_burst_alerts_care_staff_once(desk: Desk) -> None:
    care = UserFactory()
    give_role(user=care, role="care", giver=None, at=NOW)
    guess(desk, 15)
    (mail,) = Message.objects.all()
    assert mail.to == care.email
    assert "many wrong entries" in mail.subject


def test_no_address_stands_in_a_cache_key() -> None:
    one = code_tries.count_try(practice_id=1, address="192.0.2.7", at=NOW)
    assert not any("192.0.2.7" in key for key in one.keys)


def test_a_code_of_another_practice_is_not_shown(client_: Client, desk: Desk) -> None:
    _, text = issue(client_)
    redeem(text, desk)
    SessionCodeFactory(
        pool=client_.pool,
        status="redeemed",
        resolved_at=NOW,
        practice=PracticeFactory(),
        held_on=TODAY,
        rate_minor=1,
    )
    assert [code.last_four for code in redeemed_codes_of(desk.membership)] == [text[-4:]]
