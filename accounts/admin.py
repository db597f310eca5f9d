"""The admin site: for administrators with a second factor, through the ordinary sign-in.

What has a state or a balance is read-only here: changes go through services.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.contrib.admin.sites import AdminSite
from django.contrib.auth.views import redirect_to_login
from django.db.models import Model
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts import rules
from accounts.access import ask_for_second_factor
from accounts.models import AccessLook, Approval, AuditEntry, Role, StaffGrant, User

if TYPE_CHECKING:
    _ModelAdmin = admin.ModelAdmin[Any]
else:
    _ModelAdmin = admin.ModelAdmin


class GreenroomAdminSite(AdminSite):
    site_header = _("Greenroom")
    site_title = _("Greenroom")
    index_title = _("Records")

    def has_permission(self, request: HttpRequest) -> bool:
        return (
            isinstance(request.user, User)
            and rules.has_role(request.user, Role.ADMIN, at=timezone.now())
            and not rules.lacks_second_factor(request.user)
        )

    def login(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """There is one way in, and this is not it: send people to it, and nobody else anywhere."""
        home = request.GET.get("next") or "/admin/"
        if request.user.is_anonymous:
            return redirect_to_login(home)
        if not rules.has_role(request.user, Role.ADMIN, at=timezone.now()):
            raise Http404
        return ask_for_second_factor(request) or redirect("admin:index")


class ReadOnlyAdmin(_ModelAdmin):
    """Rows to look at. Whoever may open the site may read them; nobody writes them here."""

    actions = None

    def has_module_permission(self, request: HttpRequest) -> bool:
        return True

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return True

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


@admin.register(User)
class UserAdmin(ReadOnlyAdmin):
    list_display = ["email", "name", "is_active", "joined_at", "last_login"]
    search_fields = ["email"]
    fields = ["email", "name", "language", "time_zone", "is_active", "joined_at", "last_login"]
    ordering = ["email"]


@admin.register(StaffGrant)
class StaffGrantAdmin(ReadOnlyAdmin):
    list_display = ["user", "role", "all_programmes", "until_on", "granted_by", "withdrawn_at"]
    list_filter = ["role"]
    list_select_related = ["user", "granted_by"]
    ordering = ["-granted_at"]


@admin.register(Approval)
class ApprovalAdmin(ReadOnlyAdmin):
    list_display = ["title", "kind", "status", "requester", "decider", "requested_at"]
    list_filter = ["status", "kind"]
    list_select_related = ["requester", "decider"]
    ordering = ["-requested_at"]


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnlyAdmin):
    list_display = ["at", "actor", "verb", "target_type", "target_id"]
    list_select_related = ["actor"]
    search_fields = ["=target_id", "=verb"]
    ordering = ["-pk"]
    show_full_result_count = False


@admin.register(AccessLook)
class AccessLookAdmin(ReadOnlyAdmin):
    """Who looked and when; at whom is between them and the person."""

    list_display = ["at", "actor", "purpose"]
    fields = ["at", "actor", "purpose"]
    list_select_related = ["actor"]
    ordering = ["-pk"]
    show_full_result_count = False
