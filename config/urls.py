"""Every address Greenroom answers. Each app names its own from the root; none is nested."""

from django.contrib import admin
from django.urls import include, path

from config import operations
from portal import api

urlpatterns = [
    path("healthz", operations.healthz, name="healthz"),
    path("readyz", operations.readyz, name="readyz"),
    path("metrics", operations.metrics, name="metrics"),
    path("accounts/", include("allauth.urls")),
    path("admin/", admin.site.urls),
    path("api/v1/", api.urlpatterns),
    path("", include("resources.urls")),
    path("", include("events.urls")),
    path("", include("ambassadors.urls")),
    # After the apps whose pages it frames: /staff/programmes/new/ is a page of theirs.
    path("", include("portal.urls")),
    path("", include("therapy_credits.urls")),
    path("", include("reports.urls")),
    path("", include("calendars.urls")),
    path("", include("notifications.urls")),
    path("", include("payments.urls")),
    path("", include("accounts.urls")),
]

handler403 = "portal.views.site.refused"
handler404 = "portal.views.site.not_found"
handler500 = "portal.views.site.failed"
