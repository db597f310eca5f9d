"""Who may use the routes of ambassadors."""

from __future__ import annotations

import datetime as dt
from io import BytesIO

from accounts.models import StaffGrant
from ambassadors.models import RosterImport
from ambassadors.services.absences import add_absence
from ambassadors.services.agreements import ensure_texts, record_acceptance
from ambassadors.services.applications import (
    attach_file,
    reopen_application,
    submit_application,
)
from ambassadors.services.delegates import accept_delegate, ask_delegate
from ambassadors.services.invitations import invite_person
from ambassadors.services.rosters import continue_roster, start_reading, upload_roster
from tests.ambassadors.helpers import agreement_text, secret_in, secret_of
from tests.ambassadors.rounds import PDF, make_application, make_round, question
from tests.conftest import NOW
from tests.factories import EnrolmentFactory, ProgrammeFactory, TermFactory
from tests.permissions import EVERYONE, SIGNED_IN, Cast, Kwargs, Route

PEOPLE = {"coordinator"}
SET_UP = {"coordinator", "admin"}
OFFICE = {"admin"}


def link(cast: Cast) -> Kwargs:
    return {"token": cast.things["invitation_secret"]}


def slug(cast: Cast) -> Kwargs:
    return {"slug": cast.things["programme"].slug}


def term(cast: Cast) -> Kwargs:
    return {"pk": cast.things["term"].pk}


def invitation(cast: Cast) -> Kwargs:
    return {"pk": cast.things["invitation"].pk}


def stranger(cast: Cast) -> Kwargs:
    return {"pk": cast.things["enrolment_of_a_stranger"].pk}


def roster(cast: Cast) -> Kwargs:
    return {"pk": cast.things["roster"].pk}


def own(cast: Cast) -> dict[str, Kwargs]:
    return {"ambassador": {"pk": cast.things["enrolment"].pk}}


def words(cast: Cast) -> Kwargs:
    return {"slug": "ambassador"}


def version(cast: Cast) -> Kwargs:
    return {"pk": agreement_text().version_id}


def text(cast: Cast) -> Kwargs:
    return {"pk": agreement_text().pk}


def grant(cast: Cast) -> Kwargs:
    return {"pk": StaffGrant.objects.get(user=cast["coordinator"]).pk}


def application_of(cast: Cast) -> Kwargs:
    return {"pk": cast.things["application"].pk}


def round_of(cast: Cast) -> Kwargs:
    return {"pk": cast.things["round"].pk}


def own_application(cast: Cast) -> dict[str, Kwargs]:
    return {"attendee": application_of(cast)}


def own_file(cast: Cast) -> dict[str, Kwargs]:
    return {"attendee": {**application_of(cast), "attachment_pk": cast.things["file"].pk}}


def own_answer(cast: Cast) -> dict[str, Kwargs]:
    return {"attendee": {**application_of(cast), "question_pk": cast.things["file"].question_id}}


def to_read(cast: Cast) -> dict[str, Kwargs]:
    return {"ambassador": application_of(cast)}


def round_to_read(cast: Cast) -> dict[str, Kwargs]:
    return {"ambassador": round_of(cast)}


def file_to_read(cast: Cast) -> dict[str, Kwargs]:
    return {"ambassador": {"pk": cast.things["file"].pk}}


def file_of(cast: Cast) -> Kwargs:
    return {"pk": cast.things["file"].pk}


def question_of(cast: Cast) -> Kwargs:
    return {**round_of(cast), "question_pk": cast.things["round"].questions.first().pk}


def criterion_of(cast: Cast) -> Kwargs:
    return {**round_of(cast), "criterion_pk": cast.things["round"].criteria.first().pk}


def reviewer_of(cast: Cast) -> Kwargs:
    return {**round_of(cast), "user_pk": cast["ambassador"].pk}


NO_QUESTION: Kwargs = {"pk": 0, "question_pk": 0}
NO_CRITERION: Kwargs = {"pk": 0, "criterion_pk": 0}
NO_REVIEWER: Kwargs = {"pk": 0, "user_pk": 0}
NO_FILE: Kwargs = {"pk": 0, "attachment_pk": 0}


def own_absence(cast: Cast) -> dict[str, Kwargs]:
    return {"ambassador": {"pk": cast.things["absence"].pk}}


def delegate_of(cast: Cast) -> Kwargs:
    return {"pk": cast.things["delegate"].pk}


def delegate_link(cast: Cast) -> Kwargs:
    return {"token": cast.things["delegate_secret"]}


NO_LINK: Kwargs = {"token": "no-such-secret"}
NO_ROW: Kwargs = {"pk": 0}
NO_SLUG: Kwargs = {"slug": "no-such-programme"}

ROUTES: dict[str, Route] = {
    "ambassadors:programmes": Route(get=EVERYONE),
    "ambassadors:programme": Route(get=EVERYONE, some=slug, absent=NO_SLUG),
    # Whoever holds the secret may open the link, whoever they are; it shows no address in full.
    "ambassadors:join": Route(get=EVERYONE, post=EVERYONE, some=link, absent=NO_LINK),
    "ambassadors:join-decline": Route(post=EVERYONE, some=link, absent=NO_LINK),
    "ambassadors:join-again": Route(post=EVERYONE, some=link, absent=NO_LINK),
    "ambassadors:join-switch": Route(post=EVERYONE, some=link, absent=NO_LINK),
    "ambassadors:my-programmes": Route(get=SIGNED_IN),
    "ambassadors:my-enrolment": Route(own=own, some=stranger, absent=NO_ROW),
    "ambassadors:join-step": Route(
        own=own, own_methods=("get", "post"), some=stranger, absent=NO_ROW
    ),
    "ambassadors:my-agreement": Route(own=own, some=stranger, absent=NO_ROW),
    "ambassadors:pause": Route(own=own, own_methods=("post",), some=stranger, absent=NO_ROW),
    "ambassadors:leave": Route(own=own, own_methods=("get", "post"), some=stranger, absent=NO_ROW),
    "ambassadors:delegates": Route(get=SIGNED_IN, post=SIGNED_IN),
    # Either of the two ends it.
    "ambassadors:delegate-end": Route(
        post={"ambassador", "delegate"}, some=delegate_of, absent=NO_ROW
    ),
    # Whoever holds the secret may open it once signed in; it says yes only as who was asked.
    "ambassadors:delegate-accept": Route(
        get=SIGNED_IN, post=SIGNED_IN, some=delegate_link, absent=NO_LINK
    ),
    "ambassadors:delegate-switch": Route(post=EVERYONE, some=delegate_link, absent=NO_LINK),
    "ambassadors:card": Route(get=SIGNED_IN, post=SIGNED_IN),
    "ambassadors:staff-contact": Route(post=SET_UP, some=slug, absent=NO_SLUG),
    "ambassadors:my-export": Route(get=SIGNED_IN),
    "ambassadors:away": Route(get=SIGNED_IN, post=SIGNED_IN),
    "ambassadors:away-remove": Route(own=own_absence, own_methods=("post",), absent=NO_ROW),
    "ambassadors:staff-run-out": Route(post=PEOPLE, some=term, absent=NO_ROW),
    "ambassadors:staff-renew": Route(get=PEOPLE, post=PEOPLE, some=term, absent=NO_ROW),
    "ambassadors:resume": Route(own=own, own_methods=("post",), some=stranger, absent=NO_ROW),
    "ambassadors:my-consent": Route(get=SIGNED_IN, post=SIGNED_IN),
    "ambassadors:staff-programmes": Route(get=SET_UP),
    "ambassadors:staff-programme-new": Route(get=SET_UP, post=SET_UP),
    "ambassadors:staff-programme-edit": Route(get=SET_UP, post=SET_UP, some=slug, absent=NO_SLUG),
    "ambassadors:staff-term-new": Route(get=SET_UP, post=SET_UP, some=slug, absent=NO_SLUG),
    "ambassadors:staff-term-edit": Route(get=SET_UP, post=SET_UP, some=term, absent=NO_ROW),
    "ambassadors:staff-invitations": Route(get=PEOPLE, some=term, absent=NO_ROW),
    "ambassadors:staff-people-csv": Route(get=PEOPLE, some=term, absent=NO_ROW),
    "ambassadors:staff-term-end": Route(get=PEOPLE, post=PEOPLE, some=term, absent=NO_ROW),
    "ambassadors:staff-invite": Route(get=PEOPLE, post=PEOPLE, some=term, absent=NO_ROW),
    "ambassadors:roster-upload": Route(get=PEOPLE, post=PEOPLE, some=term, absent=NO_ROW),
    "ambassadors:staff-resend": Route(post=PEOPLE, some=invitation, absent=NO_ROW),
    "ambassadors:staff-revoke": Route(post=PEOPLE, some=invitation, absent=NO_ROW),
    "ambassadors:staff-enrolment": Route(get=PEOPLE, some=stranger, absent=NO_ROW),
    "ambassadors:staff-move": Route(post=PEOPLE, some=stranger, absent=NO_ROW),
    "ambassadors:staff-texts": Route(get=OFFICE),
    "ambassadors:staff-text": Route(get=OFFICE, some=words, absent=NO_SLUG),
    "ambassadors:staff-text-new": Route(get=OFFICE, post=OFFICE, some=words, absent=NO_SLUG),
    "ambassadors:staff-text-translate": Route(get=OFFICE, post=OFFICE, some=version, absent=NO_ROW),
    "ambassadors:staff-text-reviewed": Route(get=OFFICE, post=OFFICE, some=text, absent=NO_ROW),
    "ambassadors:staff-grant-reach": Route(get=OFFICE, post=OFFICE, some=grant, absent=NO_ROW),
    "ambassadors:apply": Route(get=EVERYONE, post=EVERYONE, some=slug, absent=NO_SLUG),
    "ambassadors:application": Route(
        own=own_application, own_methods=("get", "post"), absent=NO_ROW
    ),
    "ambassadors:application-attach": Route(
        own=own_answer, own_methods=("post",), absent=NO_QUESTION
    ),
    "ambassadors:application-file": Route(own=own_file, absent=NO_FILE),
    "ambassadors:application-detach": Route(own=own_file, own_methods=("post",), absent=NO_FILE),
    "ambassadors:application-reopen": Route(
        own=own_application, own_methods=("post",), absent=NO_ROW
    ),
    "ambassadors:application-withdraw": Route(
        own=own_application, own_methods=("post",), absent=NO_ROW
    ),
    # A reviewer needs no role: here it is the ambassador who was asked to read.
    "ambassadors:reviews": Route(get=SIGNED_IN),
    "ambassadors:review-round": Route(own=round_to_read, absent=NO_ROW),
    "ambassadors:review": Route(own=to_read, own_methods=("get", "post"), absent=NO_ROW),
    "ambassadors:review-step-aside": Route(own=to_read, own_methods=("post",), absent=NO_ROW),
    "ambassadors:review-file": Route(own=file_to_read, absent=NO_ROW),
    "ambassadors:staff-rounds": Route(get=PEOPLE, some=term, absent=NO_ROW),
    "ambassadors:staff-round-new": Route(get=PEOPLE, post=PEOPLE, some=term, absent=NO_ROW),
    "ambassadors:staff-round": Route(get=PEOPLE, some=round_of, absent=NO_ROW),
    "ambassadors:staff-round-edit": Route(get=PEOPLE, post=PEOPLE, some=round_of, absent=NO_ROW),
    "ambassadors:staff-round-setup": Route(get=PEOPLE, some=round_of, absent=NO_ROW),
    "ambassadors:staff-round-publish": Route(post=PEOPLE, some=round_of, absent=NO_ROW),
    "ambassadors:staff-round-questions": Route(post=PEOPLE, some=round_of, absent=NO_ROW),
    "ambassadors:staff-round-question": Route(post=PEOPLE, some=question_of, absent=NO_QUESTION),
    "ambassadors:staff-round-criteria": Route(post=PEOPLE, some=round_of, absent=NO_ROW),
    "ambassadors:staff-round-criterion": Route(post=PEOPLE, some=criterion_of, absent=NO_CRITERION),
    "ambassadors:staff-round-reviewers": Route(post=PEOPLE, some=round_of, absent=NO_ROW),
    "ambassadors:staff-round-reviewer": Route(post=PEOPLE, some=reviewer_of, absent=NO_REVIEWER),
    "ambassadors:staff-round-decide": Route(post=PEOPLE, some=round_of, absent=NO_ROW),
    "ambassadors:staff-round-announce": Route(post=PEOPLE, some=round_of, absent=NO_ROW),
    "ambassadors:staff-application": Route(
        get=PEOPLE, post=PEOPLE, some=application_of, absent=NO_ROW
    ),
    "ambassadors:staff-application-file": Route(get=PEOPLE, some=file_of, absent=NO_ROW),
    "ambassadors:roster": Route(get=PEOPLE, some=roster, absent=NO_ROW),
    "ambassadors:roster-read": Route(post=PEOPLE, some=roster, absent=NO_ROW),
    "ambassadors:roster-import": Route(post=PEOPLE, some=roster, absent=NO_ROW),
    "ambassadors:roster-discard": Route(post=PEOPLE, some=roster, absent=NO_ROW),
    "ambassadors:roster-problems": Route(get=PEOPLE, some=roster, absent=NO_ROW),
}


def add_a_round(cast: Cast) -> None:
    """The attendee applied, with a file; the ambassador was asked to read it. It is still open."""
    made = make_round(
        cast.things["term"],
        cast["ambassador"],
        closes_at=dt.datetime(2099, 1, 1, tzinfo=dt.UTC),
    )
    sent = make_application(made, user=cast["attendee"], name=cast["attendee"].name)
    reopen_application(application=sent, at=NOW)
    cast.things["file"] = attach_file(
        application=sent,
        question=question(made, "file"),
        name=f"{cast['attendee'].name}.pdf",
        content=PDF,
        at=NOW,
    )
    cast.things["round"] = made
    cast.things["application"] = submit_application(application=sent, at=NOW)


def enrich(cast: Cast) -> None:
    far_away = dt.date(2099, 12, 31)
    programme = cast.things["programme"] = ProgrammeFactory()
    open_term = cast.things["term"] = TermFactory(programme=programme, ends_on=far_away)
    ensure_texts(at=NOW)
    enrolment = EnrolmentFactory(term=open_term, user=cast["ambassador"])
    record_acceptance(enrolment=enrolment, text=agreement_text(), user=enrolment.user, at=NOW)
    cast.things["enrolment"] = enrolment
    cast.things["enrolment_of_a_stranger"] = EnrolmentFactory(term=open_term)
    asked = invite_person(
        term=open_term, email="asked@example.org", name="Asked", language="en", by=None, at=NOW
    )
    asked.expires_at = dt.datetime(2099, 1, 1, tzinfo=dt.UTC)
    asked.save()
    cast.things["invitation"] = asked
    cast.things["invitation_secret"] = secret_of(asked)
    upload = upload_roster(
        term=open_term,
        by=None,
        file_name="roster.csv",
        file=BytesIO(b"email\na@example.org\n"),
        at=NOW,
    )
    start_reading(roster=upload, columns={"email": 0}, allow_same_names=False, at=NOW)
    continue_roster(roster=upload, at=NOW)
    cast.things["roster"] = RosterImport.objects.get(pk=upload.pk)
    add_a_round(cast)
    cast.things["absence"] = add_absence(
        user=cast["ambassador"],
        kind="tour",
        starts_on=far_away,
        ends_on=far_away,
        time_zone="",
        by=cast["ambassador"],
        at=NOW,
    )
    asked_to_help = ask_delegate(
        ambassador=cast["ambassador"], email=cast["delegate"].email, until_on=None, at=NOW
    )
    cast.things["delegate_secret"] = secret_in(f"delegate:{asked_to_help.pk}")
    cast.things["delegate"] = accept_delegate(
        delegate=asked_to_help, person=cast["delegate"], at=NOW
    )
