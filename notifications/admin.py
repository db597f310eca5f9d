"""The outbox, to look at: above all what was given up."""

from django.contrib import admin

from accounts.admin import ReadOnlyAdmin
from notifications.models import Message, Purge


@admin.register(Message)
class MessageAdmin(ReadOnlyAdmin):
    """On its way, or given up. Never the contents: they are not staff's to read."""

    list_display = ["key", "status", "attempts", "queued_at", "next_attempt_at", "last_error"]
    list_filter = ["status"]
    fields = [
        "key",
        "message_id",
        "language",
        "status",
        "attempts",
        "last_error",
        "queued_at",
        "next_attempt_at",
        "sent_at",
        "purged_at",
    ]
    search_fields = ["key"]
    ordering = ["-pk"]
    show_full_result_count = False


@admin.register(Purge)
class PurgeAdmin(ReadOnlyAdmin):
    list_display = ["at", "what", "older_than", "rows"]
    ordering = ["-pk"]
