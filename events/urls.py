from django.urls import path

from events import feeds
from events.views import console, dates, imports, public, staff

app_name = "events"

urlpatterns = [
    path("events/", public.event_list, name="list"),
    path("events/feed.ics", feeds.PublicFeed(), name="feed"),
    path("events/feed.json", feeds.JsonFeed(), name="feed-json"),
    path("events/feed.atom", feeds.AtomFeed(), name="feed-atom"),
    path("events/<slug:slug>/", public.event_page, name="event"),
    path("events/<slug:slug>/event.ics", feeds.EventFile(), name="event-file"),
    path("events/<slug:slug>/rsvp/", public.say_yes, name="place-rsvp"),
    path("rsvp/series/<str:token>/", public.manage_series_rsvp, name="series-rsvp"),
    path("rsvp/<str:token>/", public.manage_rsvp, name="rsvp"),
    path("me/events/", public.my_events, name="mine"),
    path("staff/events/", staff.staff_list, name="staff-list"),
    path("preview/<str:token>/", console.shared_draft, name="shared-draft"),
    path("staff/events/export/", console.export, name="staff-export"),
    path("staff/events/import/", console.import_events, name="staff-import"),
    path("staff/events/month/", console.month, name="staff-month"),
    path("staff/events/new/", staff.staff_new, name="staff-new"),
    path("staff/events/new/from-calendar/", imports.import_calendar, name="import-calendar"),
    path("staff/events/<slug:slug>/", staff.staff_edit, name="staff-edit"),
    path("staff/events/<slug:slug>/preview/", staff.staff_preview, name="staff-preview"),
    path("staff/events/<slug:slug>/publish/", staff.staff_publish, name="staff-publish"),
    path("staff/events/<slug:slug>/cancel/", staff.staff_cancel, name="staff-cancel"),
    path("staff/events/<slug:slug>/copy/", console.copy, name="staff-copy"),
    path("staff/events/<slug:slug>/share/", console.share, name="staff-share"),
    path("staff/events/<slug:slug>/history/", console.history, name="staff-history"),
    path("staff/events/<slug:slug>/dates/", dates.staff_dates, name="staff-dates"),
    path("staff/events/<slug:slug>/dates/repeat/", dates.staff_repeat, name="staff-repeat"),
    path("staff/events/<slug:slug>/dates/<str:day>/", dates.staff_date, name="staff-date"),
    path("staff/events/<slug:slug>/door/", staff.door, name="door"),
    path("staff/events/<slug:slug>/door/add/", staff.door_add, name="door-add"),
    path("staff/events/<slug:slug>/door/<str:reference>/", staff.door_act, name="door-act"),
]
