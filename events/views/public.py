"""The list, an event, saying yes, and looking after one's own answer."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.models import AnonymousUser
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from accounts.access import signed_in
from accounts.models import User
from calendars.domain.programs import AddLinks, SubscribeLinks, add_links, subscribe_links
from common.markdown import to_html
from events.errors import EventsError, NoLongerComing
from events.forms import (
    AnswersForm,
    DiscreetForm,
    EventFilter,
    GiveForm,
    GuestForm,
    PartyForm,
    PayForm,
    party_of,
)
from events.forms import answers_of as answers_of_rsvp
from events.forms.dates import ScopeForm
from events.gateway import count_guest_rsvp
from events.models import Event, Occurrence, Payment, Rsvp, SeriesRsvp
from events.queries import (
    Room,
    answers_by_date,
    answers_of,
    asked_of,
    coming_date,
    date_on,
    discreet,
    ended_rsvps_of,
    hosting_of,
    hosts_named,
    is_link_live,
    last_date,
    listed_dates,
    money_of,
    public_entry,
    queue_position,
    room_of,
    rsvp_given_by,
    rsvp_opened_by,
    rsvps_of,
    series_dates,
    series_rsvp_of,
    series_rsvp_opened_by,
    series_rsvps_of,
    with_held,
)
from events.rules import can_be_given, refusal_of_rsvp
from events.services.answers import write_answers, write_series_answers
from events.services.payments import settle, start_payment
from events.services.personal_data import export
from events.services.retention import forget_guest
from events.services.rsvps import (
    HOLD_FOR,
    Guest,
    accept_offer,
    change_party,
    confirm_rsvp,
    decline_offer,
    leave,
    place_rsvp,
    set_discreet,
)
from events.services.series_rsvps import (
    come_after_all,
    confirm_series_rsvp,
    end_series_rsvp,
    place_series_rsvp,
    show_as,
)
from events.services.transfers import give_place, keep_place, take_given_place
from events.views.found import found_context
from payments.errors import PaymentsError
from payments.services.charges import look_up, open_page

PER_PAGE = 25
# So many dates of what somebody comes to every time are among what comes next for them.
NEXT_OF_SERIES = 2
# From one network within 15 minutes: so many guests hold places at once, and so many may ask.
GUESTS_HOLDING = 20
GUESTS_ASKING = 200


@require_safe
def event_list(request: HttpRequest) -> HttpResponse:
    """What is on, day by day, narrowed by what the visitor looks for."""
    form = EventFilter(request.GET)
    at = timezone.now()
    dates = with_held(listed_dates(request.user, form.chosen, at=at), at=at)
    page = Paginator(dates.order_by("starts_on", "starts_at", "pk"), PER_PAGE).get_page(
        request.GET.get("page")
    )
    answers = answers_of(request.user, page.object_list)
    cards = [_card(occurrence, answers.get(occurrence.pk)) for occurrence in page]
    context = {
        "form": form,
        "page": page,
        "cards": cards,
        "is_filtered": bool(form.chosen),
        "is_narrowed": bool(form.errors or set(form.chosen) - {"q"}),
        "ways": _ways_to_subscribe(request),
    }
    return render(request, "events/list.html", context)


def _ways_to_subscribe(request: HttpRequest) -> SubscribeLinks:
    """The feed of what the list shows: the same filters, without the page."""
    asked = [(name, value) for name, value in request.GET.items() if value and name != "page"]
    query = f"?{urlencode(asked)}" if asked else ""
    url = f"{settings.BASE_URL}{reverse('events:feed')}{query}"
    return subscribe_links(url, name=_("Greenroom events"))


def _card(occurrence: Occurrence, answer: Rsvp | None) -> dict[str, Any]:
    """What the card of one date says besides the date itself."""
    event, seats = occurrence.event, occurrence.seats
    taken = seats.firm + occurrence.held  # type: ignore[attr-defined]  # annotated by with_held
    free = None if seats.capacity is None else max(0, seats.capacity - taken)
    tag, tone = "", ""
    if answer is not None:
        tag, tone = str(Rsvp.Status(answer.status).label), "good"
    elif free == 0:
        tag, tone = _("Full: waiting list"), "warm"
    elif event.is_priced and (free is None or free > 5):
        tag = _("Pay what you want") if event.is_price_open else event.price_words
        if event.has_deposit:
            tag = _("Deposit")
    elif free is not None and free <= 5:
        tag = ngettext("%(count)d place left", "%(count)d places left", free) % {"count": free}
    return {
        "occurrence": occurrence,
        "event": event,
        "url": occurrence.page_path,
        "is_online": not event.has_place,
        "place": occurrence.place_name if event.has_place else _("Online"),
        "tag": tag,
        "tone": tone,
    }


@require_safe
def event_page(request: HttpRequest, slug: str) -> HttpResponse:
    """One event, at one of its dates: what, when, where, am I in."""
    found = _find(request, slug, request.GET.get("date"))
    return _show(request, *found) if found else _lead_on(request, slug)


def _find(request: HttpRequest, slug: str, day: str | None) -> tuple[Event, Occurrence] | None:
    """The event this visitor may see, at the date that is meant; without one, the next or last."""
    at = timezone.now()
    if day:
        try:
            found = date_on.first(slug=slug, day=date.fromisoformat(day))
        except ValueError:
            found = None
    else:
        found = coming_date.first(slug=slug, at=at) or last_date(slug)
    if found is None or not found.event.is_visible_to(request.user, at=at):
        return None
    return found.event, found


def _lead_on(request: HttpRequest, slug: str) -> HttpResponse:
    """An address with a day that is no date, as of one that was moved, leads to what there is."""
    if _find(request, slug, None) is None:
        raise Http404
    messages.info(
        request,
        _("There is nothing on that day: the date may have been moved. Below is when it is now."),
    )
    return redirect("events:event", slug=slug)


def _show(
    request: HttpRequest,
    event: Event,
    occurrence: Occurrence,
    form: PartyForm | None = None,
) -> HttpResponse:
    at = timezone.now()
    user = request.user
    scope = _scope(request, event, occurrence)
    answer = answers_of(user, [occurrence]).get(occurrence.pk)
    if form is None:
        form_class = PartyForm if user.is_authenticated else GuestForm
        form = form_class(event=event, questions=asked_of.all(event_id=event.pk))
    others = event.occurrences.filter(ends_at__gt=at).order_by("starts_at")[:60]
    room = room_of(occurrence, at=at)
    shown = event_context(event, occurrence, room)
    context = {
        **shown,
        **found_context(event, occurrence, room, shown["hosts"]),
        "answer": answer,
        "position": queue_position(answer) if answer else None,
        "refusal": refusal_of_rsvp(occurrence, at=at),
        "form": form,
        "asks_party": event.max_plus_ones > 0,
        "must_wait": room.is_full or bool(room.waiting and not event.skips_large_parties),
        "has_lapsed": bool(answer and answer.has_lapsed(at=at)),
        "was_asked": "asked" in request.GET and not user.is_authenticated,
        "others": [_with_event(other, event) for other in others],
        "every_time": series_rsvp_of(user, event),
        "is_host": _is_host(user, event),
        "scope": scope,
        "is_over": occurrence.is_over(at=at),
        "add": None if occurrence.is_cancelled else _ways_to_add(occurrence),
    }
    return render(request, "events/event.html", context)


def _is_host(user: User | AnonymousUser, event: Event) -> bool:
    host = hosting_of(user, event) if isinstance(user, User) else None
    return host is not None and host.is_accepted


def _ways_to_add(occurrence: Occurrence) -> AddLinks:
    """For web calendars. What only members see is discreet there too."""
    entry = public_entry(occurrence)
    return add_links(discreet(entry) if occurrence.event.is_restricted else entry)


def event_context(event: Event, occurrence: Occurrence | None, room: Room) -> dict[str, Any]:
    """What the page of an event shows to everybody, in the preview too."""
    at = timezone.now()
    return {
        "event": event,
        "occurrence": occurrence,
        "body": to_html(event.body),
        "hosts": hosts_named(event, at=at),
        "room": room,
        "is_refund_over": occurrence is not None and occurrence.is_refund_over(at=at),
    }


def _with_event(occurrence: Occurrence, event: Event) -> Occurrence:
    occurrence.event = event
    return occurrence


@require_POST
def say_yes(request: HttpRequest, slug: str) -> HttpResponse:
    """Say yes: at once when signed in, else a link goes to the address given."""
    found = _find(request, slug, request.POST.get("date"))
    if found is None:
        return _lead_on(request, slug)
    event, occurrence = found
    user = request.user
    form_class = PartyForm if user.is_authenticated else GuestForm
    form = form_class(request.POST, event=event, questions=asked_of.all(event_id=event.pk))
    scope = _scope(request, event, occurrence)
    if not form.is_valid():
        return _show(request, event, occurrence, form)
    may_hold = True
    if isinstance(user, User):
        person: User | Guest = user
    else:
        person = Guest(form.cleaned_data["name"], form.cleaned_data["email"])
        count = count_guest_rsvp(request.META.get("REMOTE_ADDR", ""))
        may_hold = count <= GUESTS_HOLDING
        if count > GUESTS_ASKING:
            form.add_error(
                None,
                _("Very many RSVPs came from your network. Try again in 15 minutes, or sign in."),
            )
            return _show(request, event, occurrence, form)
    try:
        if scope is not None and scope.is_every_time:
            return _say_always(request, occurrence, person, form, scope)
        rsvp = place_rsvp(
            occurrence=occurrence,
            person=person,
            **form.party,
            answers=form.answers,
            language=get_language() or "en",
            may_hold=may_hold,
            at=timezone.now(),
        )
    except EventsError as refusal:
        form.add_error(None, str(refusal))
        return _show(request, event, occurrence, form)
    if isinstance(person, Guest):
        return _to_the_mail(request, occurrence, person, is_held=may_hold)
    if rsvp.is_paying:
        return redirect(rsvp.manage_path)
    _say_what_happened(request, rsvp)
    return redirect(occurrence.page_path)


def _to_the_mail(
    request: HttpRequest, occurrence: Occurrence, person: Guest, *, is_held: bool
) -> HttpResponse:
    """What a guest does next. The same words whether or not the address is known here."""
    text = _("Almost there: we have sent a link to %(email)s.") % {"email": person.email}
    if is_held and not occurrence.event.needs_approval:
        wait = _("If a place is free now, it is kept for you for %(minutes)d minutes.")
        text = f"{text} {wait % {'minutes': HOLD_FOR.seconds // 60}}"
    messages.info(request, text)
    return redirect(f"{occurrence.page_path}&asked=1")


def _scope(request: HttpRequest, event: Event, occurrence: Occurrence) -> ScopeForm | None:
    """The question "once or every time?", where the date is one of several by a rule."""
    if occurrence.series_id is None or event.is_priced:
        return None
    dates = series_dates(event, at=timezone.now())
    if len(dates) < 2:
        return None
    return ScopeForm(request.POST if request.method == "POST" else None, dates=dates[:26])


def _say_always(
    request: HttpRequest,
    occurrence: Occurrence,
    person: User | Guest,
    form: PartyForm,
    scope: ScopeForm,
) -> HttpResponse:
    """Come to every date. A guest's yes waits for the link in their mail, as for one date."""
    series_rsvp = place_series_rsvp(
        event=occurrence.event,
        person=person,
        **form.party,
        left_out=scope.cleaned_data["left_out"],
        answers=form.answers,
        language=get_language() or "en",
        at=timezone.now(),
    )
    if isinstance(person, Guest):
        return _to_the_mail(request, occurrence, person, is_held=False)
    if series_rsvp.is_applied:
        messages.success(request, _("The hosts have your request. They answer by mail."))
    else:
        messages.success(request, _("You come every time. A mail with all dates is on its way."))
    return redirect(series_rsvp.manage_path)


def _say_what_happened(request: HttpRequest, rsvp: Rsvp) -> None:
    if rsvp.is_going:
        messages.success(request, _("You are going. A mail with the calendar entry is on its way."))
    elif rsvp.is_applied:
        messages.success(request, _("The hosts have your request. They answer by mail."))
    else:
        messages.info(request, _("It is full, so you are on the waiting list now."))


@never_cache
def manage_rsvp(request: HttpRequest, token: str) -> HttpResponse:
    """One's own answer, by the link in the mail: see, confirm, change, leave.

    Opening it changes nothing; programs that follow links in mail may open it too.
    """
    rsvp = rsvp_opened_by(token)
    if rsvp is None or not is_link_live(rsvp, at=timezone.now()):
        return render(request, "events/link_unknown.html", {"rsvp": rsvp}, status=404)
    if request.method == "POST":
        return without_referrer(_act_on(request, rsvp))
    return without_referrer(_show_rsvp(request, rsvp))


def _show_rsvp(
    request: HttpRequest,
    rsvp: Rsvp,
    party_form: PartyForm | None = None,
    answers_form: AnswersForm | None = None,
    give_form: GiveForm | None = None,
    pay_form: PayForm | None = None,
) -> HttpResponse:
    at = timezone.now()
    occurrence = rsvp.occurrence
    event = occurrence.event
    money = money_of(rsvp, at=at) if event.is_priced else None
    # What is paid for, or being paid, can become less and not more.
    at_most = rsvp.party_size if money and (money.paid_minor or money.is_begun) else None
    context = {
        "rsvp": rsvp,
        "event": event,
        "occurrence": occurrence,
        "position": queue_position(rsvp),
        "is_over": occurrence.is_over(at=at),
        "has_lapsed": rsvp.has_lapsed(at=at),
        "refusal": refusal_of_rsvp(occurrence, at=at),
        "party_form": party_form
        or PartyForm(
            event=event, at_least=rsvp.party_size, at_most=at_most, initial=party_of(rsvp)
        ),
        "asks_party": rsvp.party_size > 1 or (event.max_plus_ones > 0 and at_most is None),
        "is_paid_for": at_most is not None and event.max_plus_ones > 0,
        "is_refund_over": occurrence.is_refund_over(at=at),
        "answers_form": answers_form
        or AnswersForm(questions=event.questions.asked(), initial=answers_of_rsvp(rsvp)),
        "can_be_given": can_be_given(rsvp, at=at),
        "can_be_forgotten": rsvp.user_id is None
        and (occurrence.is_over(at=at) or not rsvp.is_active),
        "give_form": give_form or GiveForm(),
        "pay_form": pay_form or (PayForm(rsvp=rsvp) if rsvp.is_paying else None),
        "money": money,
        "total": (event.price_minor or 0) * rsvp.party_size,
        "discreet_form": DiscreetForm(initial={"is_discreet": rsvp.is_discreet}),
        "page_url": occurrence.page_path,
    }
    return render(request, "events/rsvp.html", context)


def _act_on(request: HttpRequest, rsvp: Rsvp) -> HttpResponse:
    at = timezone.now()
    act = request.POST.get("act")
    form: PartyForm | None = None
    try:
        if act == "confirm":
            rsvp = confirm_rsvp(rsvp=rsvp, at=at)
            text = _("It is full by now, so you are on the waiting list.")
            if rsvp.is_going:
                text = _("Confirmed: you are going. A mail with the calendar entry is on its way.")
            elif rsvp.is_applied:
                text = _("The hosts have your request. They answer by mail.")
            if not rsvp.is_paying:
                messages.success(request, text)
        elif act == "pay":
            return _pay(request, rsvp)
        elif act == "accept":
            rsvp = accept_offer(rsvp=rsvp, at=at)
            going = _("The place is yours. A mail with the calendar entry is on its way.")
            queued = _("The room has become smaller. You have your turn on the waiting list back.")
            if not rsvp.is_paying:
                messages.success(request, going if rsvp.is_going else queued)
        elif act == "decline":
            decline_offer(rsvp=rsvp, at=at)
            messages.success(request, _("Thank you for telling us. The next person is asked."))
        elif act == "leave":
            leave(rsvp=rsvp, at=at)
            messages.success(request, _("You have left. Thank you for making room."))
        elif act == "change":
            form = PartyForm(request.POST, event=rsvp.occurrence.event, at_least=rsvp.party_size)
            if not form.is_valid():
                return _show_rsvp(request, rsvp, form)
            change_party(rsvp=rsvp, **form.party, at=at)
            messages.success(request, _("Saved."))
        elif act == "answers":
            answers_form = AnswersForm(
                request.POST, questions=rsvp.occurrence.event.questions.asked()
            )
            if not answers_form.is_valid():
                return _show_rsvp(request, rsvp, answers_form=answers_form)
            if rsvp.is_active:
                write_answers(rsvp=rsvp, answers=answers_form.answers)
                messages.success(request, _("Saved."))
        elif act == "give":
            return _give(request, rsvp)
        elif act == "forget":
            forget_guest(rsvp=rsvp, at=at)
            messages.success(request, _("Your name and address are deleted from this date."))
            return redirect("events:list")
        elif act == "keep":
            keep_place(rsvp=rsvp)
            messages.success(request, _("Taken back. The place stays yours."))
        elif act == "discreet":
            set_discreet(rsvp=rsvp, is_discreet="is_discreet" in request.POST, at=at)
            text = _("Saved. A mail brings the entry that replaces the one in your calendar.")
            if rsvp.user:
                text = _("Saved. Your calendar follows with its next refresh.")
            messages.success(request, text)
    except NoLongerComing as refusal:
        messages.warning(request, str(refusal))
    except EventsError as refusal:
        if form is not None:
            form.add_error(None, str(refusal))
            return _show_rsvp(request, rsvp, form)
        messages.warning(request, str(refusal))
    return redirect("events:rsvp", token=rsvp.token)


def _pay(request: HttpRequest, rsvp: Rsvp) -> HttpResponse:
    """On to the payment page. The charge is written first: no transaction is open meanwhile."""
    form = PayForm(request.POST, rsvp=rsvp)
    if not form.is_valid():
        return _show_rsvp(request, rsvp, pay_form=form)
    try:
        charge = start_payment(rsvp=rsvp, chosen_minor=form.chosen, at=timezone.now())
        if charge is None:
            messages.success(
                request, _("You are going. A mail with the calendar entry is on its way.")
            )
            return redirect("events:rsvp", token=rsvp.token)
        page = open_page(
            charge=charge,
            success_url=settings.BASE_URL + reverse("events:paid", args=[rsvp.token]),
            cancel_url=settings.BASE_URL + rsvp.manage_path,
            language=get_language() or "en",
        )
    except (EventsError, PaymentsError) as refusal:
        form.add_error(None, str(refusal))
        return _show_rsvp(request, rsvp, pay_form=form)
    return redirect(page)


@never_cache
@require_safe
def paid(request: HttpRequest, token: str) -> HttpResponse:
    """Back from the payment page: ask what became of it, and act on that as on a notice.

    It only learns what has happened already, however often it is opened (decision 0009).
    """
    rsvp, at = rsvp_opened_by(token), timezone.now()
    if rsvp is None or not is_link_live(rsvp, at=at):
        raise Http404
    try:
        for payment in Payment.objects.unpaid().filter(rsvp=rsvp).select_related("charge"):
            look_up(charge=payment.charge, at=at)
        for payment in Payment.objects.filter(rsvp=rsvp, charge__settled_at=None):
            settle(charge=payment.charge, at=at)
    except (PaymentsError, EventsError):
        messages.info(request, _("We will know in a minute whether your payment came through."))
    else:
        rsvp.refresh_from_db()
        if rsvp.is_going:
            messages.success(request, _("Thank you. You are going, and a mail is on its way."))
    return without_referrer(redirect("events:rsvp", token=token))


@never_cache
def manage_series_rsvp(request: HttpRequest, token: str) -> HttpResponse:
    """Coming every time, by the link in the mail: confirm, leave dates out, end it."""
    at = timezone.now()
    series_rsvp = series_rsvp_opened_by(token, at=at)
    if series_rsvp is None:
        return render(request, "events/link_unknown.html", {"rsvp": None}, status=404)
    if request.method == "POST":
        return without_referrer(_act_on_series(request, series_rsvp))
    return without_referrer(_show_series_rsvp(request, series_rsvp))


def _show_series_rsvp(
    request: HttpRequest, series_rsvp: SeriesRsvp, form: AnswersForm | None = None
) -> HttpResponse:
    event = series_rsvp.event
    dates = series_dates(event, at=timezone.now())
    answers = answers_by_date(series_rsvp, dates)
    context = {
        "series_rsvp": series_rsvp,
        "event": event,
        "rows": [{"date": one, "rsvp": answers.get(one.pk)} for one in dates],
        "answers_form": form
        or AnswersForm(questions=event.questions.asked(), initial=answers_of_rsvp(series_rsvp)),
    }
    return render(request, "events/series_rsvp.html", context)


def _act_on_series(request: HttpRequest, series_rsvp: SeriesRsvp) -> HttpResponse:
    at, act = timezone.now(), request.POST.get("act")
    try:
        if act == "confirm":
            confirmed = confirm_series_rsvp(series_rsvp=series_rsvp, at=at)
            text = _("Confirmed. A mail with all dates is on its way.")
            if confirmed.is_applied:
                text = _("The hosts have your request. They answer by mail.")
            messages.success(request, text)
        elif act == "end":
            end_series_rsvp(series_rsvp=series_rsvp, at=at)
            text = _("You have left all dates. Thank you for making room.")
            if not series_rsvp.is_active:
                text = _("Taken back.")
            messages.success(request, text)
        elif act == "answers" and series_rsvp.is_standing:
            form = AnswersForm(request.POST, questions=series_rsvp.event.questions.asked())
            if not form.is_valid():
                return _show_series_rsvp(request, series_rsvp, form)
            write_series_answers(series_rsvp=series_rsvp, answers=form.answers, at=at)
            messages.success(request, _("Saved, for every date to come."))
        elif act in ("single", "repeating"):
            show_as(series_rsvp=series_rsvp, is_repeating=act == "repeating", at=at)
            messages.success(request, _("Two mails are on their way to your calendar."))
        elif act in ("out", "in") and series_rsvp.is_active:
            dates = {str(one.pk): one for one in series_dates(series_rsvp.event, at=at)}
            occurrence = dates.get(request.POST.get("on", ""))
            if occurrence is not None:
                _change_one(request, series_rsvp, occurrence, is_in=act == "in")
    except EventsError as refusal:
        messages.warning(request, str(refusal))
    return redirect(series_rsvp.manage_path)


def _change_one(
    request: HttpRequest, series_rsvp: SeriesRsvp, occurrence: Occurrence, *, is_in: bool
) -> None:
    """Leave one of the dates, or come to it after all."""
    at = timezone.now()
    rsvp = answers_by_date(series_rsvp, [occurrence]).get(occurrence.pk)
    if not is_in:
        if rsvp is not None:
            leave(rsvp=rsvp, at=at)
        messages.success(request, _("Not this time, then. The other dates are as they were."))
    elif rsvp is None or not rsvp.is_active:
        come_after_all(series_rsvp=series_rsvp, occurrence=occurrence, at=at)
        messages.success(request, _("You come on this date too."))


def _give(request: HttpRequest, rsvp: Rsvp) -> HttpResponse:
    form = GiveForm(request.POST)
    if form.is_valid():
        to = Guest(form.cleaned_data["name"], form.cleaned_data["email"])
        try:
            give_place(rsvp=rsvp, to=to, at=timezone.now())
        except EventsError as refusal:
            form.add_error(None, str(refusal))
        else:
            text = _("We have written to %(name)s. The place is yours until they say yes.")
            messages.success(request, text % {"name": to.name})
            return redirect("events:rsvp", token=rsvp.token)
    return _show_rsvp(request, rsvp, give_form=form)


@never_cache
def given(request: HttpRequest, token: str) -> HttpResponse:
    """Somebody is given a place. Opening the link takes nothing; the button does."""
    rsvp = rsvp_given_by(token)
    at = timezone.now()
    if rsvp is None or not can_be_given(rsvp, at=at):
        return render(request, "events/link_unknown.html", {"rsvp": None}, status=404)
    if request.method == "POST":
        person = request.user if isinstance(request.user, User) else None
        try:
            mine = take_given_place(
                rsvp=rsvp, person=person, language=get_language() or "en", at=at
            )
        except EventsError as refusal:
            messages.warning(request, str(refusal))
            return without_referrer(redirect("events:given", token=token))
        messages.success(request, _("The place is yours. A mail with it is on its way."))
        return redirect("events:rsvp", token=mine.token)
    event = rsvp.occurrence.event
    context = {
        "rsvp": rsvp,
        "occurrence": rsvp.occurrence,
        "event": event,
        "money": money_of(rsvp, at=at) if event.is_priced else None,
    }
    return without_referrer(render(request, "events/given.html", context))


def without_referrer(response: HttpResponse) -> HttpResponse:
    """The address of the page is a secret: it goes into no other site's log, and no index."""
    response["Referrer-Policy"] = "no-referrer"
    response["X-Robots-Tag"] = "noindex, nofollow"
    return response


@never_cache
@require_safe
@signed_in
def my_export(request: HttpRequest) -> HttpResponse:
    """What events keep about one, as a file to take along."""
    assert isinstance(request.user, User)
    response = JsonResponse(export(request.user), json_dumps_params={"indent": 2})
    response["Content-Disposition"] = 'attachment; filename="my-events.json"'
    return response


@signed_in
@require_safe
def my_events(request: HttpRequest) -> HttpResponse:
    """What the signed-in person goes to, waits for, and went to."""
    at = timezone.now()
    assert isinstance(request.user, User)
    every_time = list(series_rsvps_of(request.user))
    context = {
        "coming": _next_few(rsvps_of(request.user, at=at, is_over=False)[:200], every_time),
        "every_time": every_time,
        "ended": list(ended_rsvps_of(request.user, at=at)[:20]),
        "past": list(rsvps_of(request.user, at=at, is_over=True)[:20]),
    }
    return render(request, "events/mine.html", context)


def _next_few(coming: Iterable[Rsvp], every_time: Sequence[SeriesRsvp]) -> list[Rsvp]:
    """All of them, but of what somebody comes to every time only the next: the others are on
    that answer's own page."""
    left = {one.event_id: NEXT_OF_SERIES for one in every_time if one.is_active}
    shown = []
    for rsvp in coming:
        event_id = rsvp.occurrence.event_id
        if event_id in left:
            left[event_id] -= 1
            if left[event_id] < 0:
                continue
        shown.append(rsvp)
    return shown
