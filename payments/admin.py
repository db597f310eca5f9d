"""Money, to look at. It changes by services only."""

from django.contrib import admin

from accounts.admin import ReadOnlyAdmin
from payments.models import Charge, ProcessorEvent, Refund


@admin.register(Charge)
class ChargeAdmin(ReadOnlyAdmin):
    list_display = ["reference", "status", "amount_minor", "currency", "started_at", "paid_at"]
    list_filter = ["status", "currency", "dispute"]
    exclude = ["page_url"]
    search_fields = ["reference"]
    ordering = ["-pk"]
    show_full_result_count = False


@admin.register(Refund)
class RefundAdmin(ReadOnlyAdmin):
    list_display = ["charge", "status", "kind", "amount_minor", "asked_at", "done_at"]
    list_filter = ["status", "kind"]
    list_select_related = ["charge"]
    ordering = ["-pk"]
    show_full_result_count = False


@admin.register(ProcessorEvent)
class ProcessorEventAdmin(ReadOnlyAdmin):
    list_display = ["processor_id", "kind", "received_at", "applied_at"]
    list_filter = ["kind"]
    ordering = ["-pk"]
    show_full_result_count = False
