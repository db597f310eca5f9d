"""Mail that comes in: what is understood of it, what proves its sender, what is kept."""

import datetime as dt
import io
import logging
import sys
from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.core.management import CommandError, call_command
from django.db import IntegrityError, transaction
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st

from accounts.models import User
from calendars.domain.mail import MAX_BYTES, is_aligned, read_mail
from calendars.domain.replies import NotAReply, read_reply
from calendars.models import InboundReply
from calendars.services.inbound import close, forget_contents, receive
from calendars.tasks import forget_mail
from common.reply_addresses import reply_address
from tests.calendars.mail import AUTH_SERVER, calendar_reply, mail
from tests.conftest import NOW

ANA = "ana@example.org"
ABOUT = "7K3MXQ9TBD"
TO = reply_address(ABOUT)
UID = "one@greenroom.example"


@pytest.fixture(autouse=True)
def our_server(settings: Any) -> None:
    settings.MAIL_AUTH_SERVER = AUTH_SERVER


def read(raw: bytes) -> Any:
    return read_mail(raw, auth_server=AUTH_SERVER, own_domain="greenroom.example")


def answer(**facts: Any) -> bytes:
    return mail(
        sender=facts.pop("sender", ANA),
        to=TO,
        message_id=facts.pop("message_id", "<one@mail.example>"),
        proved=facts.pop("proved", "dkim=pass header.d=example.org"),
        calendar=calendar_reply(uid=UID, attendee=ANA, **facts),
    )


def take(raw: bytes, **more: Any) -> InboundReply | None:
    return receive(raw=raw, at=NOW, **more)


# --- Reading ---------------------------------------------------------------------


def test_a_mail_is_read_as_far_as_we_need_it() -> None:
    found = read(mail(sender=ANA, to=f"Greenroom <{TO}>", subject="Hi", text="I am late."))
    assert (found.sender, found.recipients) == (ANA, (TO,))
    assert (found.subject, found.text) == ("Hi", "I am late.")
    assert (found.message_id, found.calendar) == ("<one@mail.example>", None)
    assert (found.is_automatic, found.is_bounce, found.is_sender_proved) == (False, False, True)


def test_a_mail_without_a_name_has_that_of_its_contents() -> None:
    raw = mail(sender=ANA, to=TO, message_id="")
    assert read(raw).message_id == read(raw).message_id
    assert read(raw).message_id != read(raw + b"!").message_id


def test_words_in_html_alone_are_read_too() -> None:
    raw = (
        b"From: ana@example.org\r\nContent-Type: text/html; charset=utf-8\r\n\r\n"
        b"<style>p {}</style><p>I am &lt;ill&gt;.</p><script>x()</script><p>Sorry</p>"
    )
    assert read(raw).text == "I am <ill>.\nSorry"


@pytest.mark.parametrize(
    ("results", "is_proved"),
    [
        (f"{AUTH_SERVER}; dkim=pass header.d=example.org", True),
        (f"{AUTH_SERVER} 1; dkim=pass (2048 bit key) header.i=@mail.example.org", True),
        (f"{AUTH_SERVER}; dmarc=pass (p=reject) header.from=example.org", True),
        (f"{AUTH_SERVER}; spf=pass smtp.mailfrom=ana@example.org", True),
        (f"{AUTH_SERVER}; spf=fail smtp.mailfrom=x; dkim=pass header.d=example.org", True),
        (f"{AUTH_SERVER}; dkim=pass header.d=evil.example", False),
        (f"{AUTH_SERVER}; dkim=fail header.d=example.org", False),
        (f"{AUTH_SERVER}; dkim=none", False),
        (f"{AUTH_SERVER}; dkim=pass header.d=org", False),
        (f"{AUTH_SERVER}; x-said=dkim=pass", False),
        ("evil.example; dkim=pass header.d=example.org", False),
        ("", False),
    ],
)
def test_only_what_our_server_found_proves_a_sender(results: str, is_proved: bool) -> None:
    raw = mail(sender=ANA, to=TO, proved=None, Authentication_Results=results)
    assert read(raw).is_sender_proved is is_proved


def test_results_that_came_with_the_mail_prove_nothing() -> None:
    ours = f"Authentication-Results: {AUTH_SERVER}; dkim=fail header.d=example.org\r\n"
    forged = f"Authentication-Results: {AUTH_SERVER}; dkim=pass header.d=example.org\r\n"
    raw = (ours + forged).encode() + mail(sender=ANA, to=TO, proved=None)
    assert not read(raw).is_sender_proved


def test_a_name_that_looks_like_an_address_is_not_the_sender() -> None:
    raw = mail(sender="evil@evil.example", to=TO).replace(
        b"From: Somebody", b'From: "ana@example.org"'
    )
    assert read(raw).sender == "evil@evil.example"


@pytest.mark.parametrize(
    ("proved", "domain", "is_same"),
    [
        ("example.org", "example.org", True),
        ("mail.example.org", "example.org", True),
        ("example.org", "mail.example.org", True),
        ("notexample.org", "example.org", False),
        ("org", "example.org", False),
        ("", "example.org", False),
    ],
)
def test_a_domain_vouches_for_itself_and_what_is_below_it(
    proved: str, domain: str, is_same: bool
) -> None:
    assert is_aligned(proved, domain) is is_same


@pytest.mark.parametrize(
    "headers",
    [
        {"Auto_Submitted": "auto-replied"},
        {"Precedence": "bulk"},
        {"List_Id": "<a.example>"},
        {"Return_Path": "<>"},
    ],
)
def test_what_nobody_wrote_is_recognised(headers: dict[str, str]) -> None:
    assert read(mail(sender=ANA, to=TO, **headers)).is_automatic
    assert not read(mail(sender=ANA, to=TO, Auto_Submitted="no")).is_automatic


# --- Hostile mail ------------------------------------------------------------------


@given(st.binary(max_size=2000))
def test_whatever_arrives_is_read(raw: bytes) -> None:
    read(raw)


@given(st.binary(max_size=300), st.binary(max_size=500))
def test_whatever_a_header_or_a_part_holds_is_read(header: bytes, body: bytes) -> None:
    found = read(
        b"From: "
        + header
        + b"\r\nAuthentication-Results: "
        + header
        + b"\r\nTo: "
        + header
        + b"\r\nMIME-Version: 1.0\r\nContent-Type: text/calendar; charset="
        + header
        + b"\r\n\r\n"
        + body
    )
    assert "\x00" not in found.sender + found.subject + found.text + found.message_id


HOSTILE = st.text(
    st.one_of(
        st.characters(exclude_categories=["Cs"]),
        st.sampled_from('\r\n\t\\;,:"\x00\x07éß漢🎧'),
    ),
    max_size=80,
)


@given(uid=HOSTILE, answer=HOSTILE, sequence=HOSTILE, more=HOSTILE)
def test_an_answer_is_read_or_refused_and_never_breaks_anything(
    uid: str, answer: str, sequence: str, more: str
) -> None:
    body = calendar_reply(uid=uid, attendee=ANA, answer=answer, more=more)
    body = body.replace(b"SEQUENCE:0", b"SEQUENCE:" + sequence.encode())
    try:
        found = read_reply(body)
    except NotAReply:
        return
    assert 0 < len(found.uid) <= 200
    assert 0 <= found.sequence < 2**31
    assert found.method in ("REPLY", "COUNTER")
    assert "\x00" not in found.uid + found.answer + found.comment + found.attendee


@given(st.binary(max_size=600))
def test_what_is_no_calendar_is_refused(body: bytes) -> None:
    with pytest.raises(NotAReply):
        read_reply(body)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ((b"METHOD:REPLY", b"METHOD:REQUEST"), "other_method"),
        ((b"ATTENDEE;", b"X-NOBODY;"), "not_one_attendee"),
        ((b"END:VEVENT", b"ATTENDEE:mailto:evil@evil.example\r\nEND:VEVENT"), "not_one_attendee"),
        ((b"END:VEVENT", b"END:VEVENT\r\nBEGIN:VEVENT\r\nUID:2\r\nEND:VEVENT"), "not_one_entry"),
        ((b"UID:one", b"X-UID:one"), "unreadable"),
        ((b"DTSTAMP:", b"DTSTAMP:x"), "unreadable"),
        ((b"SEQUENCE:0", b"SEQUENCE:-1"), "unreadable"),
        ((b"SEQUENCE:0", b"SEQUENCE:99999999999"), "unreadable"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(change: tuple[bytes, bytes], why: str) -> None:
    body = calendar_reply(uid=UID, attendee=ANA)
    assert read_reply(body).uid == UID
    with pytest.raises(NotAReply, match=why):
        read_reply(body.replace(*change))


# --- Keeping -----------------------------------------------------------------------


@pytest.mark.django_db
def test_an_answer_waits_for_the_app_it_is_about() -> None:
    found = take(answer(answer="DECLINED", sequence=3))
    assert found is not None
    assert (found.kind, found.state, found.desk, found.about) == (
        "answer",
        "waiting",
        "events",
        ABOUT,
    )
    assert (found.uid, found.sequence, found.answer) == (UID, 3, "DECLINED")
    assert (found.attendee, found.stamped_at) == (ANA, NOW)


@pytest.mark.django_db
def test_the_same_mail_again_changes_nothing() -> None:
    first = take(answer())
    InboundReply.objects.update(state="applied")
    assert take(answer(answer="DECLINED")) == first
    kept = InboundReply.objects.get()
    assert (kept.state, kept.answer) == ("applied", "ACCEPTED")


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("facts", "state", "reason"),
    [
        ({"proved": None}, "refused", "sender"),
        ({"proved": "dkim=pass header.d=evil.example"}, "refused", "sender"),
        ({"sender": "eve@example.org"}, "refused", "other_person"),
        ({"answer": "NEEDS-ACTION"}, "refused", "unknown_answer"),
        ({"answer": "DELEGATED"}, "open", "delegated"),
        ({"method": "COUNTER"}, "open", "counter"),
    ],
)
def test_an_answer_that_may_not_be_applied_says_why(
    facts: dict[str, Any], state: str, reason: str
) -> None:
    found = take(answer(**facts))
    assert found is not None
    assert (found.state, found.reason) == (state, reason)


@pytest.mark.django_db
def test_words_in_an_answer_reach_a_person() -> None:
    take(answer(answer="DECLINED", more="COMMENT:I am not well."))
    letter = InboundReply.objects.get(kind="letter")
    assert (letter.state, letter.reason, letter.about) == ("open", "comment", ABOUT)
    assert letter.text == "I am not well."
    assert "not well" not in letter.sealed_text


@pytest.mark.django_db
@pytest.mark.parametrize(("to", "desk"), [(TO, "events"), ("hello@greenroom.example", "care")])
def test_what_a_person_wrote_reaches_the_desk_that_may_read_it(to: str, desk: str) -> None:
    found = take(mail(sender=ANA, to=to, subject="Tonight", text="I cannot go on."))
    assert found is not None
    assert (found.kind, found.state, found.desk) == ("letter", "open", desk)
    assert found.text == "Tonight\n\nI cannot go on."


@pytest.mark.django_db
def test_the_envelope_says_whom_it_was_for_when_the_mail_does_not() -> None:
    found = take(mail(sender=ANA, to="undisclosed@example.org"), envelope_to=[TO])
    assert found is not None
    assert found.about == ABOUT


@pytest.mark.django_db
def test_a_calendar_part_we_cannot_use_does_not_lose_the_words() -> None:
    found = take(mail(sender=ANA, to=TO, text="Please read this.", calendar=b"METHOD:REPLY"))
    assert found is not None
    assert (found.kind, found.state) == ("letter", "open")
    assert "Please read this." in found.text


@pytest.mark.django_db
@pytest.mark.parametrize(
    "headers",
    [{"Auto_Submitted": "auto-replied"}, {"Return_Path": "<>"}, {"Precedence": "bulk"}],
)
def test_what_nobody_wrote_is_dropped(
    headers: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        assert take(mail(sender=ANA, to=TO, text="Out of office", **headers)) is None
    assert not InboundReply.objects.exists()
    assert "dropped a mail that nobody wrote" in caplog.text


@pytest.mark.django_db
def test_a_bounce_is_dropped_whatever_it_carries() -> None:
    raw = answer().replace(b"From: Somebody <ana@", b"From: <mailer-daemon@")
    assert take(raw) is None


@pytest.mark.django_db
def test_no_word_of_a_mail_reaches_a_log(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        take(mail(sender=ANA, to=TO, subject="Zqsubject", text="Zqwords"))
        take(answer(more="COMMENT:Zqcomment", message_id="<two@mail.example>"))
        take(mail(sender=ANA, to=TO, text="Zqauto", Auto_Submitted="auto-replied"))
    logged = " ".join(r.getMessage() for r in caplog.records if "django.db" not in r.name)
    assert "zq" not in logged.lower()
    assert ANA not in logged


@pytest.mark.django_db
def test_a_film_does_not_lose_the_words_before_it() -> None:
    raw = mail(sender=ANA, to=TO, text="Look at this.") + b"x" * (MAX_BYTES + 10)
    found = take(raw)
    assert found is not None
    assert found.text.startswith("Accepted\n\nLook at this.")
    assert len(found.text) < 21_000


@pytest.mark.django_db
def test_what_is_settled_is_forgotten_after_30_days_and_what_is_open_is_not(
    attendee: User,
) -> None:
    done = take(mail(sender=ANA, to=TO, text="One", message_id="<1@x>"))
    still = take(mail(sender=ANA, to=TO, text="Two", message_id="<2@x>"))
    assert done is not None
    assert still is not None
    close(reply=done, actor=attendee, at=NOW)
    close(reply=done, actor=attendee, at=NOW + dt.timedelta(days=1))
    assert forget_contents(at=NOW + dt.timedelta(days=29)) == 0
    with time_machine.travel(NOW + dt.timedelta(days=31)):
        assert forget_mail() == 1
    done.refresh_from_db()
    still.refresh_from_db()
    assert (done.sender, done.text, done.closed_at) == ("", "", NOW)
    assert "Two" in still.text


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("fields", "constraint"),
    [
        ({"kind": "x"}, "inbound_kind_known"),
        ({"desk": "x"}, "inbound_desk_known"),
        ({"kind": "answer", "state": "x"}, "inbound_state_known"),
        ({"state": "applied"}, "inbound_letter_is_for_a_person"),
        ({"state": "closed"}, "inbound_closed_has_a_time"),
        ({"kind": "answer", "state": "waiting"}, "inbound_waiting_answer_is_whole"),
        ({"purged_at": NOW}, "inbound_purged_holds_nothing"),
    ],
)
def test_the_database_refuses_what_cannot_be(fields: dict[str, Any], constraint: str) -> None:
    take(mail(sender=ANA, to=TO, text="One"))
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        InboundReply.objects.update(**fields)


# --- The ways in ---------------------------------------------------------------------


SECRET = "mail:correct horse"
AUTH = {"authorization": "Basic " + b64encode(SECRET.encode()).decode()}


def post(client: Client, raw: bytes, **headers: str) -> int:
    return client.post(
        "/webhooks/mail/", raw, content_type="message/rfc822", headers=headers
    ).status_code


@pytest.mark.django_db
def test_mail_is_handed_in_with_a_password(client: Client, settings: Any) -> None:
    settings.MAIL_WEBHOOK_SECRET = SECRET
    assert post(client, answer(), **AUTH) == 204
    assert post(client, answer(), **AUTH) == 204
    assert InboundReply.objects.get().about == ABOUT


@pytest.mark.django_db
@pytest.mark.parametrize(
    "authorization",
    ["", "Basic", "Basic !", "Bearer " + SECRET, "Basic " + b64encode(b"mail:wrong").decode()],
)
def test_without_the_password_there_is_nothing(
    client: Client, settings: Any, authorization: str
) -> None:
    settings.MAIL_WEBHOOK_SECRET = SECRET
    assert post(client, answer(), authorization=authorization) == 404
    settings.MAIL_WEBHOOK_SECRET = ""
    empty = "Basic " + b64encode(b"").decode()
    assert post(client, answer(), authorization=empty) == 404
    assert not InboundReply.objects.exists()


@pytest.mark.django_db
def test_the_command_takes_a_mail_from_a_pipe(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(answer())))
    call_command("receive_mail")
    assert InboundReply.objects.get().about == ABOUT


@pytest.mark.django_db
def test_the_command_takes_each_mail_of_a_maildir_once(tmp_path: Path) -> None:
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "1.host").write_bytes(answer())
    out = io.StringIO()
    call_command("receive_mail", maildir=tmp_path, stdout=out)
    call_command("receive_mail", maildir=tmp_path, stdout=out)
    assert out.getvalue() == "1 taken in.\n0 taken in.\n"
    assert (tmp_path / "cur" / "1.host:2,S").exists()
    assert InboundReply.objects.count() == 1


def test_what_is_no_maildir_is_said(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="is no Maildir"):
        call_command("receive_mail", maildir=tmp_path)
