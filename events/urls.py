from django.urls import path

from events import feeds
from events.views import console, dates, door, imports, people, public, staff

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
    path("rsvp/given/<str:token>/", public.given, name="given"),
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
    path("staff/events/<slug:slug>/people/", people.staff_people, name="staff-people"),
    path(
        "staff/events/<slug:slug>/people/<str:reference>/",
        people.staff_person,
        name="staff-person",
    ),
    path("staff/events/<slug:slug>/questions/", people.staff_questions, name="staff-questions"),
    path("staff/events/<slug:slug>/answers/", people.staff_answers, name="staff-answers"),
    path("staff/events/<slug:slug>/door/", door.door, name="door"),
    path("staff/events/door-worker.js", door.door_worker, name="door-worker"),
    path("staff/events/<slug:slug>/door/numbers/", door.door_numbers, name="door-numbers"),
    path("staff/events/<slug:slug>/door/scan/", door.door_scan, name="door-scan"),
    path("staff/events/<slug:slug>/door/ready/", door.door_ready, name="door-ready"),
    path("staff/events/<slug:slug>/door/sync/", door.door_sync, name="door-sync"),
    path("staff/events/<slug:slug>/door/walk-in/", door.door_walk_in, name="door-walk-in"),
    path("staff/events/<slug:slug>/door/add/", door.door_add, name="door-add"),
    path("staff/events/<slug:slug>/door/<str:reference>/", door.door_act, name="door-act"),
]
