"""Who answered: requests to decide, questions to ask, and what people answered."""

from __future__ import annotations

from collections.abc import Iterator

from django import forms
from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from accounts.access import proved_again, staff_only
from accounts.services import audit
from common.text import csv_lines, search_words
from events.access import Crew, crew_only, date_to_show, editor, event_to_edit
from events.errors import EventsError
from events.forms import NoteForm, QuestionForm
from events.models import Answer, Note, Occurrence, Rsvp
from events.queries import (
    PEOPLE_TABS,
    money_of,
    note_recipients,
    people_counts,
    people_of,
    people_to_export,
    regulars_of,
    series_answers_in_words,
    turnouts,
)
from events.rules import can_release
from events.services.answers import ask_question, look_at_care_answers, stop_asking
from events.services.mailings import write_note
from events.services.rsvps import approve_request, refuse_request, release_rsvp
from events.services.series_rsvps import approve_series_request, refuse_series_request

PEOPLE_PER_PAGE = 100


@crew_only
@require_safe
def staff_people(request: HttpRequest, crew: Crew) -> HttpResponse:
    """Who answered for a date, by what became of it."""
    event, at = crew.event, timezone.now()
    occurrence = crew.date(request.GET.get("date", ""))
    if occurrence is None:
        return redirect("events:staff-edit", slug=event.slug)
    tab = request.GET.get("status", "going")
    if tab not in PEOPLE_TABS:
        tab = "going"
    q = search_words(request.GET.get("q"))
    people = people_of(occurrence, tab, q, for_hosts=crew.host is not None)
    page = Paginator(people, PEOPLE_PER_PAGE).get_page(request.GET.get("page"))
    rsvps = list(page.object_list)
    # Who came before is over all events of a coordinator, which are no host's affair.
    history = {} if crew.host else turnouts(rsvps, crew.person, at=at)
    labels = {
        "going": _("Going"),
        "applied": _("Requests"),
        "waiting": _("Waiting"),
        "pending": _("Not confirmed"),
        "ended": _("Not coming"),
    }
    path = reverse("events:staff-people", args=[event.slug])
    may_release = can_release(occurrence, is_host=crew.host is not None, at=at)
    counts = people_counts(occurrence)
    context = {
        **crew.context(),
        "occurrence": occurrence,
        "others": crew.dates(),
        "tab": tab,
        "q": q,
        "page": page,
        "rows": [(rsvp, history.get(rsvp.pk)) for rsvp in rsvps],
        "may_release": may_release,
        "may_act": not occurrence.is_over(at=at) and (may_release or tab == "applied"),
        "tabs": [
            {
                "label": labels[name],
                "url": f"{path}?date={occurrence.page_day}&status={name}",
                "current": name == tab,
                "count": counts[name],
            }
            for name in PEOPLE_TABS
        ],
        "is_over": occurrence.is_over(at=at),
        "regulars": regulars_of(event).count() if occurrence.series_id else 0,
    }
    return render(request, "events/staff/people.html", context)


@staff_only("coordinator")
@proved_again
@require_POST
def staff_people_export(request: HttpRequest, slug: str) -> HttpResponse:
    """Who answered for a date, as a file: with addresses, so for who runs the event alone, and
    without what is about access or health. That it was taken is in the audit trail."""
    event = event_to_edit(request, slug)
    occurrence = date_to_show(event, request.POST.get("date", ""))
    if occurrence is None:
        raise Http404
    audit.record(editor(request), "event.people_exported", event, timezone.now())
    lines = csv_lines(_lines(occurrence))
    response = HttpResponse(lines, content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="people-{occurrence.page_day}.csv"'
    return response


def _lines(occurrence: Occurrence) -> Iterator[tuple[object, ...]]:
    questions = list(occurrence.event.questions.filter(is_care=False).order_by("pk"))
    yield (
        *("reference", "name", "email", "people", "with", "status", "answered", "came"),
        *(question.text for question in questions),
    )
    for rsvp in people_to_export(occurrence).iterator(chunk_size=500):
        said = {one.question_id: one.text for one in rsvp.plain_answers}  # type: ignore[attr-defined]  # prefetched
        yield (
            rsvp.reference,
            rsvp.name,
            rsvp.email,
            rsvp.party_size,
            ", ".join(rsvp.companions),
            rsvp.status,
            f"{rsvp.placed_at:%Y-%m-%dT%H:%MZ}",
            rsvp.came,  # type: ignore[attr-defined]  # annotated
            *(said.get(question.pk, "") for question in questions),
        )


@crew_only
def staff_regulars(request: HttpRequest, crew: Crew) -> HttpResponse:
    """Who comes every time, and who asks to: one answer for all dates."""
    event, at = crew.event, timezone.now()
    regulars = regulars_of(event)
    if request.method == "POST":
        series_rsvp = regulars.filter(reference=request.POST.get("on", "")).first()
        if series_rsvp is None:
            # Taken back, or answered by somebody else, since the page was opened.
            return redirect("events:staff-regulars", slug=event.slug)
        act, name = request.POST.get("act"), {"name": crew.name_of(series_rsvp)}
        if act == "approve":
            approve_series_request(series_rsvp=series_rsvp, actor=crew.person, at=at)
            messages.success(request, _("%(name)s comes every time.") % name)
        elif act == "refuse":
            refuse_series_request(series_rsvp=series_rsvp, actor=crew.person, at=at)
            text = _("%(name)s is told that it is not possible every time.")
            messages.info(request, text % name)
        return redirect("events:staff-regulars", slug=event.slug)
    page = Paginator(regulars, PEOPLE_PER_PAGE).get_page(request.GET.get("page"))
    shown = list(page.object_list)
    given = series_answers_in_words(shown)
    context = {
        **crew.context(),
        "page": page,
        "rows": [(one, crew.name_of(one), given.get(one.pk, [])) for one in shown],
    }
    return render(request, "events/staff/regulars.html", context)


@crew_only
@require_POST
def staff_person(request: HttpRequest, crew: Crew, reference: str) -> HttpResponse:
    """Say yes or no to a request, or take a place back."""
    event, at = crew.event, timezone.now()
    rsvp = crew.rsvp(reference)
    act, name = request.POST.get("act"), {"name": crew.name_of(rsvp)}
    try:
        if act == "approve":
            answered = approve_request(rsvp=rsvp, actor=crew.person, at=at)
            text = _("%(name)s is on the waiting list: it is full.")
            if answered.is_going:
                text = _("%(name)s is going.")
            elif answered.is_paying:
                text = _("A place is kept for %(name)s until it is paid, for a day at most.")
            messages.success(request, text % name)
        elif act == "refuse":
            refuse_request(rsvp=rsvp, actor=crew.person, at=at)
            messages.info(request, _("%(name)s is told that it is not possible this time.") % name)
        elif act == "release":
            if not can_release(rsvp.occurrence, is_host=crew.host is not None, at=at):
                raise Http404
            release_rsvp(rsvp=rsvp, actor=crew.person, at=at)
            text = _("The place of %(name)s is free again.")
            if event.is_priced and money_of(rsvp, at=at).left_minor:
                text += " " + _("What was paid for it is not given back by that: see Payments.")
            messages.info(request, text % name)
    except EventsError as refusal:
        messages.warning(request, str(refusal))
    tab = request.POST.get("status", "")
    path = reverse("events:staff-people", args=[event.slug])
    tab = tab if tab in PEOPLE_TABS else "going"
    return redirect(f"{path}?date={rsvp.occurrence.page_day}&status={tab}")


@staff_only("coordinator")
def staff_questions(request: HttpRequest, slug: str) -> HttpResponse:
    """What the event asks of those who come."""
    event, at = event_to_edit(request, slug), timezone.now()
    if "drop" in request.POST:
        number = request.POST["drop"]
        question = get_object_or_404(
            event.questions, pk=int(number) if number.isdecimal() and len(number) < 18 else 0
        )
        stop_asking(question=question, actor=editor(request), at=at)
        messages.info(request, _("It is no longer asked. Answers go when their time is over."))
        return redirect("events:staff-questions", slug=slug)
    form = QuestionForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        ask_question(event=event, words=form.words, actor=editor(request), at=at)
        messages.success(request, _("Asked from now on, of everybody who says yes."))
        return redirect("events:staff-questions", slug=slug)
    context = {"event": event, "form": form, "questions": event.questions.asked()}
    return render(request, "events/staff/questions.html", context)


@crew_only
@require_safe
def staff_answers(request: HttpRequest, crew: Crew) -> HttpResponse:
    """What people answered for a date. Looking at what is about access or health is noted for
    each of them."""
    occurrence = crew.date(request.GET.get("date", ""))
    if occurrence is None:
        return redirect("events:staff-edit", slug=crew.event.slug)
    is_care = request.GET.get("about") == "care"
    if is_care:
        answers = look_at_care_answers(occurrence=occurrence, actor=crew.person, at=timezone.now())
    else:
        answers = list(
            Answer.objects.filter(
                rsvp__occurrence=occurrence, question__is_care=False, rsvp__status__in=Rsvp.ACTIVE
            )
            .select_related("question", "rsvp__user")
            .order_by("question", "pk")[:2000]
        )
    context = {
        **crew.context(),
        "occurrence": occurrence,
        "others": crew.dates(),
        "answers": [(crew.name_of(answer.rsvp), answer) for answer in answers],
        "is_care": is_care,
    }
    return render(request, "events/staff/answers.html", context)


@crew_only
def staff_message(request: HttpRequest, crew: Crew) -> HttpResponse:
    """Write to people of a date, by what became of their answer."""
    event = crew.event
    occurrence = crew.date(request.GET.get("date", ""))
    if occurrence is None:
        return redirect("events:staff-edit", slug=event.slug)
    form = NoteForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        write_note(
            occurrence=occurrence,
            to=form.cleaned_data["to"],
            text=form.cleaned_data["text"],
            actor=crew.person,
            at=timezone.now(),
        )
        messages.success(request, _("On its way. The list below says how many have it."))
        path = reverse("events:staff-message", args=[event.slug])
        return redirect(f"{path}?date={occurrence.page_day}")
    counts = {name: note_recipients(occurrence, [name]).count() for name in Note.To.values}
    field = form.fields["to"]
    assert isinstance(field, forms.MultipleChoiceField)
    field.choices = [(name, f"{label} ({counts[name]})") for name, label in Note.To.choices]
    context = {
        **crew.context(),
        "occurrence": occurrence,
        "form": form,
        "others": crew.dates(),
        "notes": occurrence.notes.select_related("written_by").order_by("-pk")[:20],
    }
    return render(request, "events/staff/message.html", context)
