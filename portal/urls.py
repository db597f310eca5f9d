from django.urls import URLPattern, URLResolver, path

from portal.feeds import PersonalFeed
from portal.views import home, site
from portal.views.styleguide import StyleGuide

app_name = "portal"

urlpatterns: list[URLPattern | URLResolver] = [
    path("", site.home, name="home"),
    path("language/", site.language, name="language"),
    path("me/", home.me, name="me"),
    path("staff/", home.staff, name="staff"),
    path("robots.txt", site.robots, name="robots"),
    path("calendar/<str:secret>.ics", PersonalFeed(), name="personal-feed"),
    path("styleguide/", StyleGuide.as_view(), name="styleguide"),
]
