from django.http import HttpResponse
from django.urls import path

app_name = "events"


def _later(request, **kwargs):
    return HttpResponse()


urlpatterns = [
    path("events/", _later, name="list"),
    path("events/<slug:slug>/", _later, name="event"),
    path("events/<slug:slug>/rsvp/", _later, name="place-rsvp"),
    path("rsvp/<str:token>/", _later, name="rsvp"),
    path("me/events/", _later, name="mine"),
]
