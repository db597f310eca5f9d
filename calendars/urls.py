from django.urls import URLPattern, URLResolver, path

from calendars import views

app_name = "calendars"

urlpatterns: list[URLPattern | URLResolver] = [
    path("calendar/", views.feed_settings, name="settings"),
    path("calendar/link/", views.make_link, name="make-link"),
    path("calendar/replace/", views.rotate_link, name="rotate-link"),
    path("webhooks/mail/", views.mail_webhook, name="mail-webhook"),
    path("calendar/close/", views.close_link, name="close-link"),
]
