"""Mail that providers hand in, each in its own form: as their documents show it, built here."""

import hashlib
import hmac
import json
from base64 import b64encode
from email.message import EmailMessage
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from calendars.models import InboundReply
from common.reply_addresses import reply_address
from tests.calendars.mail import AUTH_SERVER, calendar_reply, mail

pytestmark = pytest.mark.django_db

ANA = "ana@example.org"
ABOUT = "7K3MXQ9TBD"
TO = reply_address(ABOUT)
SECRET, KEY = "mail:correct horse", "key-of-the-provider"
AUTH = {"authorization": "Basic " + b64encode(SECRET.encode()).decode()}
RESULTS = f"{AUTH_SERVER}; dkim=pass header.d=example.org"
REPLY = calendar_reply(uid="one@greenroom.example", attendee=ANA)
RAW = mail(sender=ANA, to=TO, message_id="<p@mail.example>", calendar=REPLY)
HEADERS = [
    ("Authentication-Results", RESULTS),
    ("Message-ID", "<p@mail.example>"),
    ("From", f"Ana <{ANA}>"),
    ("To", TO),
    ("Subject", "Accepted: one evening"),
    ("Date", "Wed, 3 Jun 2026 12:00:00 +0000"),
]
AS_FILE = b64encode(REPLY).decode()
Request = dict[str, Any]


@pytest.fixture(autouse=True)
def our_server(settings: Any) -> None:
    settings.MAIL_AUTH_SERVER = AUTH_SERVER
    settings.MAIL_WEBHOOK_SECRET = SECRET
    settings.MAIL_WEBHOOK_KEY = KEY


def as_json(body: Any, **headers: str) -> Request:
    return {"data": json.dumps(body), "content_type": "application/json", "headers": headers}


def uploaded() -> SimpleUploadedFile:
    return SimpleUploadedFile("invite.ics", REPLY, content_type="text/calendar; method=REPLY")


def postmark() -> Request:
    body = {
        "FromFull": {"Email": ANA, "Name": "Ana", "MailboxHash": ""},
        "ToFull": [{"Email": TO, "Name": "", "MailboxHash": "x"}],
        "CcFull": [],
        "BccFull": [],
        "OriginalRecipient": TO,
        "Subject": "Accepted: one evening",
        "MessageID": "00000000-0000-0000-0000-000000000000",
        "Date": "Wed, 3 Jun 2026 12:00:00 +0000",
        "TextBody": "Ana has accepted.",
        "HtmlBody": "",
        "Headers": [
            {"Name": "Return-Path", "Value": f"<{ANA}>"},
            {"Name": "Authentication-Results", "Value": RESULTS},
            {"Name": "Message-ID", "Value": "<p@mail.example>"},
        ],
        "Attachments": [
            {
                "Name": "invite.ics",
                "Content": AS_FILE,
                "ContentType": "text/calendar; method=REPLY",
                "ContentLength": len(REPLY),
            }
        ],
    }
    return as_json(body)


def postmark_raw() -> Request:
    return as_json({"RawEmail": RAW.decode(), "OriginalRecipient": TO, "Headers": []})


def mailjet() -> Request:
    body = {
        "Sender": ANA,
        "Recipient": TO,
        "Date": "20260603T120000",
        "From": f"Ana <{ANA}>",
        "Subject": "Accepted: one evening",
        "Headers": {**dict(HEADERS), "Received": ["by one.example", "by two.example"]},
        "Parts": [
            {"Headers": {"Content-Type": "text/plain"}, "ContentRef": "Text-part"},
            {
                "Headers": {
                    "Content-Type": 'text/calendar; method=REPLY; name="invite.ics"',
                    "Content-Transfer-Encoding": "base64",
                    "Content-Disposition": 'attachment; filename="invite.ics"',
                },
                "ContentRef": "Attachment1",
            },
        ],
        "Text-part": "Ana has accepted.",
        "Html-part": "",
        "SpamAssassinScore": "0.1",
        "Attachment1": AS_FILE,
    }
    return as_json(body)


def sparkpost() -> Request:
    relayed = {
        "msys": {
            "relay_message": {
                "content": {"email_rfc822": RAW.decode(), "email_rfc822_is_base64": False},
                "friendly_from": ANA,
                "msg_from": ANA,
                "protocol": "smtp",
                "rcpt_to": TO,
                "webhook_id": "4839201967643219",
            }
        }
    }
    return as_json([relayed])


def sendgrid(dkim: str = "{@example.org : pass}") -> Request:
    return {
        "data": {
            "headers": "\n".join(f"{n}: {v}" for n, v in HEADERS if not n.startswith("Auth")),
            "dkim": dkim,
            "SPF": "pass",
            "text": "Ana has accepted.",
            "envelope": json.dumps({"to": [TO], "from": ANA}),
            "charsets": json.dumps({"text": "utf-8", "subject": "UTF-8"}),
            "attachments": "1",
            "attachment-info": json.dumps(
                {"attachment1": {"filename": "invite.ics", "type": "text/calendar"}}
            ),
            "attachment1": uploaded(),
        }
    }


def sendgrid_raw() -> Request:
    forged = mail(sender=ANA, to=TO, message_id="<p@mail.example>", calendar=REPLY, proved=None)
    data = {
        "email": forged.decode(),
        "dkim": "{@example.org : pass}",
        "envelope": json.dumps({"to": [TO], "from": ANA}),
    }
    return {"data": data}


def signed_by_mailgun(data: dict[str, Any], key: str = KEY) -> Request:
    token, timestamp = "t" * 50, "1780488000"
    signature = hmac.new(key.encode(), f"{timestamp}{token}".encode(), hashlib.sha256).hexdigest()
    return {"data": {**data, "token": token, "timestamp": timestamp, "signature": signature}}


def mailgun(key: str = KEY) -> Request:
    return signed_by_mailgun(
        {
            "recipient": TO,
            "sender": ANA,
            "from": f"Ana <{ANA}>",
            "subject": "Accepted: one evening",
            "body-plain": "Ana has accepted.",
            "stripped-text": "Ana has accepted.",
            "message-headers": json.dumps(HEADERS),
            "attachment-count": "1",
            "attachment-1": uploaded(),
        },
        key,
    )


def mailgun_raw() -> Request:
    return signed_by_mailgun({"recipient": TO, "sender": ANA, "body-mime": RAW.decode()})


def mailersend(key: str = KEY) -> Request:
    body = json.dumps(
        {
            "type": "inbound.message",
            "inbound_id": "x",
            "data": {
                "object": "message",
                "id": "y",
                "recipients": {"rcptTo": [{"email": TO}]},
                "sender": {"email": ANA},
                "raw": RAW.decode(),
                "created_at": "2026-06-03T12:00:00.000000Z",
            },
        }
    )
    signature = hmac.new(key.encode(), body.encode(), hashlib.sha256).hexdigest()
    return {"data": body, "content_type": "application/json", "headers": {"signature": signature}}


def hand_in(client: Client, request: Request, *, auth: dict[str, str] = AUTH) -> int:
    headers = {**request.pop("headers", {}), **auth}
    return client.post("/webhooks/mail/", headers=headers, **request).status_code


@pytest.mark.parametrize(
    ("form", "request_of"),
    [
        ("mailersend", mailersend),
        ("mailgun", mailgun),
        ("mailgun", mailgun_raw),
        ("mailjet", mailjet),
        ("postmark", postmark),
        ("postmark", postmark_raw),
        ("sendgrid", sendgrid),
        ("sendgrid", sendgrid_raw),
        ("sparkpost", sparkpost),
    ],
)
def test_an_answer_arrives_whole_whoever_hands_it_in(
    client: Client, settings: Any, form: str, request_of: Any
) -> None:
    settings.MAIL_WEBHOOK_FORM = form
    assert hand_in(client, request_of()) == 204
    assert hand_in(client, request_of()) == 204
    found = InboundReply.objects.get()
    assert (found.about, found.sender, found.message_id) == (ABOUT, ANA, "<p@mail.example>")
    assert (found.state, found.uid) == ("waiting", "one@greenroom.example")


@pytest.mark.parametrize(("form", "request_of"), [("mailgun", mailgun), ("mailersend", mailersend)])
def test_a_wrong_signature_is_answered_like_a_wrong_password(
    client: Client, settings: Any, form: str, request_of: Any
) -> None:
    settings.MAIL_WEBHOOK_FORM = form
    assert hand_in(client, request_of("another-key")) == 404
    assert hand_in(client, {"data": "{}", "content_type": "application/json"}) == 404
    assert hand_in(client, request_of(), auth={}) == 404
    assert not InboundReply.objects.exists()


def test_a_provider_that_signs_is_not_believed_without_its_key(
    client: Client, settings: Any
) -> None:
    settings.MAIL_WEBHOOK_FORM, settings.MAIL_WEBHOOK_KEY = "mailgun", ""
    with pytest.raises(ImproperlyConfigured, match="MAIL_WEBHOOK_KEY"):
        hand_in(client, mailgun())


@pytest.mark.parametrize(
    "dkim", ["", "none", "{@example.org : fail}", "{@other.example : pass}", "{@org : pass}"]
)
def test_what_sendgrid_did_not_find_proves_nothing(
    client: Client, settings: Any, dkim: str
) -> None:
    settings.MAIL_WEBHOOK_FORM = "sendgrid"
    request = sendgrid(dkim)
    forged = f"Authentication-Results: {RESULTS}\n"
    request["data"]["headers"] = forged + request["data"]["headers"]
    assert hand_in(client, request) == 204
    found = InboundReply.objects.get()
    assert (found.state, found.reason) == ("refused", "sender")


def test_what_somebody_wrote_arrives_through_a_provider_too(client: Client, settings: Any) -> None:
    settings.MAIL_WEBHOOK_FORM = "postmark"
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = ANA, TO, "Question"
    message["Message-ID"] = "<q@mail.example>"
    message.set_content("Is there a lift?")
    body = {"RawEmail": message.as_string(), "OriginalRecipient": TO, "Headers": []}
    assert hand_in(client, as_json(body)) == 204
    assert InboundReply.objects.get().text == "Question\n\nIs there a lift?"
