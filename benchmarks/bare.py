"""A limit: Django with nothing in it, one view and no middleware."""

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponse
from django.urls import path

settings.configure(
    ALLOWED_HOSTS=["*"],
    MIDDLEWARE=["django.middleware.common.CommonMiddleware"],  # it sets Content-Length
    ROOT_URLCONF=__name__,
    SECRET_KEY="a-benchmark-has-no-secrets",  # noqa: S106 - it has none
)


def hello(request: HttpRequest) -> HttpResponse:
    return HttpResponse(b"ok\n")


urlpatterns = [path("", hello)]
application = get_wsgi_application()
