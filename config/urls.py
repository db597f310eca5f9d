"""Every address Greenroom answers. Each app names its own from the root; none is nested."""

from django.contrib import admin
from django.urls import include, path

from common.addresses import addresses_of
from config import operations
from portal import api

urlpatterns = [
    path("healthz", operations.healthz, name="healthz"),
    path("readyz", operations.readyz, name="readyz"),
    path("metrics", operations.metrics, name="metrics"),
    path("accounts/", include("allauth.urls")),
    path("admin/", admin.site.urls),
    path("api/v1/", api.urlpatterns),
    addresses_of("resources.urls"),
    addresses_of("events.urls"),
    addresses_of("ambassadors.urls"),
    # After the apps whose pages it frames: /staff/programmes/new/ is a page of theirs.
    addresses_of("portal.urls"),
    addresses_of("therapy_credits.urls"),
    addresses_of("reports.urls"),
    addresses_of("calendars.urls"),
    addresses_of("notifications.urls"),
    addresses_of("payments.urls"),
    addresses_of("accounts.urls"),
]

handler403 = "portal.views.site.refused"
handler404 = "portal.views.site.not_found"
handler500 = "portal.views.site.failed"
