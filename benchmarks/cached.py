"""A limit: the site itself, with its middleware and its cache, sending bytes that are in the cache.

What no feed of a Django site can do better: the address says which bytes.
"""

import os

from django.conf import settings
from django.core.cache import cache
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponse
from django.urls import path

application = get_wsgi_application()
# Only in this process, which serves nothing else.
settings.ROOT_URLCONF = __name__


def send(request: HttpRequest) -> HttpResponse:
    response = HttpResponse(cache.get(os.environ["BENCHMARK_CACHE_KEY"]))
    response["Content-Type"] = "text/calendar; charset=utf-8"
    response["Content-Encoding"] = "gzip"
    return response


def ready(request: HttpRequest) -> HttpResponse:
    return HttpResponse("ok\n")


urlpatterns = [path("feed.ics", send), path("", ready)]
