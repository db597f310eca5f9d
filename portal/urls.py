from django.urls import URLPattern, URLResolver, path

from portal.feeds import PersonalFeed
from portal.views import (
    activity,
    delegates,
    embed,
    erasing,
    home,
    incidents,
    letters,
    personal_data,
    site,
    terms,
)
from portal.views.styleguide import StyleGuide

app_name = "portal"

urlpatterns: list[URLPattern | URLResolver] = [
    path("", site.home, name="home"),
    path("language/", site.language, name="language"),
    path("me/", home.me, name="me"),
    path("me/data/", personal_data.mine, name="my-data"),
    path("me/data/file/", personal_data.my_file, name="my-data-file"),
    path("me/erase/", erasing.erase, name="erase"),
    path("erased/", erasing.erased, name="erased"),
    path("care/data/", personal_data.my_care, name="my-care-data"),
    path("care/data/file/", personal_data.my_care_file, name="my-care-data-file"),
    path("me/programmes/<int:pk>/activity/", activity.mine, name="activity"),
    path("staff/enrolments/<int:pk>/activity/", activity.theirs, name="staff-activity"),
    path("delegate/", delegates.people, name="delegations"),
    path("delegate/<int:pk>/", delegates.person, name="delegate"),
    path(
        "delegate/<int:pk>/dates/<int:occurrence_pk>/yes/", delegates.say_yes, name="delegate-yes"
    ),
    path("delegate/<int:pk>/answers/<int:rsvp_pk>/leave/", delegates.leave, name="delegate-leave"),
    path("delegate/<int:pk>/away/<int:absence_pk>/remove/", delegates.back, name="delegate-back"),
    path("staff/", home.staff, name="staff"),
    path("staff/programmes/<slug:slug>/", terms.programme, name="staff-programme"),
    path("staff/terms/<int:pk>/", terms.term, name="staff-term"),
    path("robots.txt", site.robots, name="robots"),
    path("sitemap.xml", site.sitemap, name="sitemap"),
    path("oembed", embed.oembed, name="oembed"),
    path("embed/events/", embed.events, name="embed-events"),
    path("embed/events/<slug:slug>/", embed.event, name="embed-event"),
    path("calendar/<str:secret>.ics", PersonalFeed(), name="personal-feed"),
    path("staff/mail/", letters.letters, name="letters"),
    path("staff/mail/<int:number>/", letters.letter, name="letter"),
    path("staff/mail/<int:number>/done/", letters.close_letter, name="close-letter"),
    path("staff/events/<slug:slug>/incident/", incidents.report, name="report-incident"),
    path("staff/incidents/", incidents.listing, name="incidents"),
    path("staff/incidents/<int:pk>/", incidents.incident, name="incident"),
    path("styleguide/", StyleGuide.as_view(), name="styleguide"),
]
