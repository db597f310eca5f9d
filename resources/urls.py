from django.urls import URLPattern, URLResolver, path

from resources.views import help_page

app_name = "resources"

urlpatterns: list[URLPattern | URLResolver] = [
    # Answered by resources.middleware.HelpFirst; here so that it has a name.
    path("help/", help_page, name="help"),
]
