from django.urls import URLPattern, URLResolver, path

from portal.feeds import PersonalFeed
from portal.views import home, letters, site
from portal.views.styleguide import StyleGuide

app_name = "portal"

urlpatterns: list[URLPattern | URLResolver] = [
    path("", site.home, name="home"),
    path("language/", site.language, name="language"),
    path("me/", home.me, name="me"),
    path("staff/", home.staff, name="staff"),
    path("robots.txt", site.robots, name="robots"),
    path("calendar/<str:secret>.ics", PersonalFeed(), name="personal-feed"),
    path("staff/mail/", letters.letters, name="letters"),
    path("staff/mail/<int:number>/", letters.letter, name="letter"),
    path("staff/mail/<int:number>/done/", letters.close_letter, name="close-letter"),
    path("styleguide/", StyleGuide.as_view(), name="styleguide"),
]
