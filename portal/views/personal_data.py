"""What is kept about oneself: to read, and as a file to take along."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from accounts.access import SignedInRequest, proved_again, signed_in
from portal.services import personal_data
from therapy_credits.access import care_only


@never_cache
@require_safe
@signed_in
@proved_again
def mine(request: SignedInRequest) -> HttpResponse:
    """Everything but care."""
    return _page(request, personal_data.export(request.user), is_care=False)


@never_cache
@require_safe
@signed_in
@proved_again
def my_file(request: SignedInRequest) -> HttpResponse:
    return _file(personal_data.export(request.user), "my-data.json")


@never_cache
@require_safe
@care_only
@proved_again
def my_care(request: SignedInRequest) -> HttpResponse:
    """What is kept about sessions: behind the person's own door, and in no other file."""
    return _page(request, personal_data.export_care(request.user, at=timezone.now()), is_care=True)


@never_cache
@require_safe
@care_only
@proved_again
def my_care_file(request: SignedInRequest) -> HttpResponse:
    # The name of the file says nothing to who else looks through a folder of downloads.
    return _file(personal_data.export_care(request.user, at=timezone.now()), "my-data-2.json")


def _page(request: SignedInRequest, data: dict[str, Any], *, is_care: bool) -> HttpResponse:
    return render(request, "portal/personal_data.html", {"data": data, "is_care": is_care})


def _file(data: dict[str, Any], name: str) -> HttpResponse:
    response = JsonResponse(data, json_dumps_params={"indent": 2, "ensure_ascii": False})
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
