"""What administrators may look at as records, on the site that accounts/adapters.py makes.

What has a state or a balance is read-only here: changes go through services.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest

from accounts.models import AccessLook, ApiKey, Approval, AuditEntry, StaffGrant, User

if TYPE_CHECKING:
    _ModelAdmin = admin.ModelAdmin[Any]
else:
    _ModelAdmin = admin.ModelAdmin


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


@admin.register(ApiKey)
class ApiKeyAdmin(ReadOnlyAdmin):
    """Which programs have a key and how far it reaches; made and ended by the command."""

    list_display = ["name", "scopes", "practice_id", "programme_ids", "made_at", "revoked_at"]
    fields = ["name", "scopes", "practice_id", "programme_ids", "made_at", "revoked_at"]
    ordering = ["-made_at"]
