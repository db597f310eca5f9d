"""The link in an invitation. Opening it changes nothing: mail scanners open links too."""

from __future__ import annotations

from allauth.account.internal.flows.login import perform_login
from allauth.account.models import Login
from django.contrib import messages
from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from ambassadors.errors import AdultsOnly, AmbassadorsError, LivesElsewhere
from ambassadors.forms.enrolments import JoinForm
from ambassadors.models import AdultConfirmation, Invitation, Term
from ambassadors.queries import invitation_by_secret
from ambassadors.services import invitations
from common.tokens import new_secret

STEPS = (_("You"), _("Agreement"), _("Your privacy"))


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def join(request: HttpRequest, token: str) -> HttpResponse:
    """Say who it is for; a yes makes the enrolment and signs the person in."""
    invitation = invitation_by_secret(token)
    if invitation is None:
        return render(request, "ambassadors/join_unknown.html", status=404)
    owner = invitations.owner_of(invitation.email)
    is_owner = request.user.is_authenticated and request.user == owner
    if invitation.enrolment and request.user == invitation.enrolment.user:
        return redirect("ambassadors:join-step", pk=invitation.enrolment.pk)
    ask_age = not AdultConfirmation.objects.filter(user=owner).exists()
    form = JoinForm(
        request.POST or None,
        ask_age=ask_age,
        ask_country=invitations.asks_country(invitation),
        country=invitation.term.market_name,
        initial={"page_key": new_secret()},
    )
    is_other = request.user.is_authenticated and not is_owner
    if request.method == "POST" and not is_other and form.is_valid():
        return _accept(request, invitation, form, token)
    if not _is_open(invitation):
        return _closed(request, invitation, token)
    context = {
        "invitation": invitation,
        "token": token,
        "address": masked(invitation.email),
        "form": form,
        "steps": [str(step) for step in STEPS],
    }
    page = "ambassadors/join_somebody_else.html" if is_other else "ambassadors/join.html"
    return render(request, page, context, status=422 if form.is_bound and not is_other else 200)


def _accept(
    request: HttpRequest, invitation: Invitation, form: JoinForm, token: str
) -> HttpResponse:
    try:
        joined = invitations.claim_invitation(
            invitation=invitation,
            is_adult=form.says_adult,
            lives_there=form.says_lives_there,
            page_key=form.cleaned_data["page_key"],
            at=timezone.now(),
        )
    except AdultsOnly:
        return render(request, "ambassadors/under_18.html")
    except LivesElsewhere:
        # Before somebody has said who they are, a private programme is not named by its address.
        is_named = request.user.is_authenticated or not invitation.term.programme.is_sensitive
        url = reverse("ambassadors:join", args=[token])
        return lives_elsewhere(request, invitation.term, url=url, is_named=is_named)
    except AmbassadorsError:
        return redirect("ambassadors:join", token=token)  # the page says what has become of it
    step = reverse("ambassadors:join-step", args=[joined.enrolment.pk])
    if request.user == joined.user:
        return redirect(step)
    # Through allauth, so that whoever has a second factor is asked for it.
    response: HttpResponse = perform_login(request, Login(user=joined.user, redirect_url=step))
    return response


def lives_elsewhere(request: HttpRequest, term: Term, *, url: str, is_named: bool) -> HttpResponse:
    """What it means to live in another country than that of ``term``, and whom to ask.

    ``url`` is the page of the question. Nothing is written.
    """
    contact = term.programme.contact_email if is_named else ""
    context = {"country": term.market_name, "contact": contact, "url": url}
    return render(request, "ambassadors/lives_elsewhere.html", context)


def _is_open(invitation: Invitation) -> bool:
    now = timezone.now()
    is_sent = invitation.state(at=now) is Invitation.State.SENT
    return is_sent and not invitation.term.is_over(at=now)


def _closed(request: HttpRequest, invitation: Invitation, token: str) -> HttpResponse:
    """Why the link does not work (any more), and the way on that there is."""
    now = timezone.now()
    programme = invitation.term.programme
    context = {
        "token": token,
        "state": invitation.state(at=now).value,
        "is_over": invitation.term.is_over(at=now),
        # Its contact address may name a programme that is private to belong to.
        "contact": "" if programme.is_sensitive else programme.contact_email,
        "address": masked(invitation.email),
    }
    return render(request, "ambassadors/join_closed.html", context, status=410)


@require_POST
def decline(request: HttpRequest, token: str) -> HttpResponse:
    """ "This is not me": no more mail to this address about this."""
    invitation = invitation_by_secret(token)
    if invitation is None:
        return render(request, "ambassadors/join_unknown.html", status=404)
    try:
        invitations.decline_invitation(invitation=invitation, at=timezone.now())
    except AmbassadorsError as error:
        messages.error(request, str(error))
    return redirect("ambassadors:join", token=token)


@require_POST
def again(request: HttpRequest, token: str) -> HttpResponse:
    """A new link, to the address that was invited and to no other."""
    invitation = invitation_by_secret(token)
    if invitation is None:
        return render(request, "ambassadors/join_unknown.html", status=404)
    try:
        invitations.resend_invitation(invitation=invitation, by=None, at=timezone.now())
    except AmbassadorsError as error:
        messages.error(request, str(error))
        return redirect("ambassadors:join", token=token)
    context = {"address": masked(invitation.email)}
    return render(request, "ambassadors/join_again.html", context)


@require_POST
def switch(request: HttpRequest, token: str) -> HttpResponse:
    """Sign out whoever is signed in here, and go on with the invitation."""
    if invitation_by_secret(token) is None:
        return render(request, "ambassadors/join_unknown.html", status=404)
    logout(request)
    return redirect("ambassadors:join", token=token)


def masked(email: str) -> str:
    """ "a•••@example.org": enough to know one's own address, not enough to learn another's."""
    local, _at, domain = email.partition("@")
    return f"{local[:1]}•••@{domain}"
