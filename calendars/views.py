"""A person's own calendar link: make it, copy it, choose what it shows, replace it."""

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from accounts.access import signed_in
from accounts.models import User
from calendars import gateway
from calendars.domain.programs import subscribe_links
from calendars.forms import FeedSettingsForm
from calendars.models import FeedToken
from calendars.queries import personal_link_of
from calendars.services import links
from calendars.services.fetches import last_fetch
from calendars.services.inbound import receive


@never_cache
@signed_in
def feed_settings(request: HttpRequest) -> HttpResponse:
    person = _person(request)
    link = personal_link_of(person)
    if link is None:
        return render(request, "calendars/settings.html", {"link": None})
    chosen = {
        "wants_plain_titles": person.wants_plain_titles,
        "shows_busy": link.shows_busy,
        "wants_single_dates": person.wants_single_dates,
        "alarm_minutes": link.alarm_minutes,
    }
    # Two boxes left empty are a choice too, so what counts is the method, not what was sent.
    form = FeedSettingsForm(request.POST if request.method == "POST" else None, initial=chosen)
    if form.is_bound and form.is_valid():
        links.choose_what_it_shows(link=link, at=timezone.now(), **form.cleaned_data)
        messages.success(request, _("Saved. Your calendar shows it the next time it asks."))
        return redirect("calendars:settings")
    return render(request, "calendars/settings.html", {"form": form, **_shown(link)})


@require_POST
@signed_in
def make_link(request: HttpRequest) -> HttpResponse:
    links.personal_link(user=_person(request), at=timezone.now())
    messages.success(request, _("Your calendar link is ready."))
    return redirect("calendars:settings")


@require_POST
@signed_in
def rotate_link(request: HttpRequest) -> HttpResponse:
    link = personal_link_of(_person(request))
    if link is not None:
        links.rotate_link(link=link, at=timezone.now())
        messages.success(
            request,
            _("The old link opens nothing any more. Add the new one to your calendar."),
        )
    return redirect("calendars:settings")


@require_POST
@signed_in
def close_link(request: HttpRequest) -> HttpResponse:
    link = personal_link_of(_person(request))
    if link is not None:
        links.close_link(link=link, at=timezone.now())
        messages.success(request, _("Your calendar link is closed. It opens nothing any more."))
    return redirect("calendars:settings")


@csrf_exempt
@require_POST
def mail_webhook(request: HttpRequest) -> HttpResponse:
    """Mail that comes in, from our mail server or its provider. It may send the same twice.

    Nobody else learns that there is such an address. What goes wrong after the password was
    right is a 500, and the sender tries again later.
    """
    if not gateway.may_hand_in_mail(request):
        raise Http404
    for mail in gateway.mails_in(request):
        receive(raw=mail.raw, envelope_to=mail.envelope_to, at=timezone.now())
    return HttpResponse(status=204)


def _person(request: HttpRequest) -> User:
    assert isinstance(request.user, User)  # ``signed_in`` saw to it
    return request.user


def _shown(link: FeedToken) -> dict[str, object]:
    url = settings.BASE_URL + reverse("portal:personal-feed", kwargs={"secret": link.secret})
    return {
        "link": link,
        "ways": subscribe_links(url, name=_("My calendar")),
        "last_fetch": last_fetch(link, at=timezone.now()),
    }
