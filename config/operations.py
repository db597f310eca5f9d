"""What machines ask: is the process there, can it work, what has it counted."""

from datetime import timedelta
from secrets import compare_digest

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from django_prometheus.exports import ExportToDjangoView

from common.connections import broker_problem, database_problem
from notifications.queries import outbox_delay

# The sweeper runs each minute, so mail this late means that no worker or no mail server is there.
LATEST_MAIL = timedelta(minutes=10)


@require_safe
@never_cache
def healthz(request: HttpRequest) -> HttpResponse:
    """This process answers. Asks nothing of anybody else."""
    return HttpResponse("ok\n", content_type="text/plain; charset=utf-8")


@require_safe
@never_cache
def readyz(request: HttpRequest) -> HttpResponse:
    """200 when everything we stand on is there, else 503; the body says what is not."""
    database = database_problem()
    problems = {"database": database, "broker": broker_problem(), "outbox": ""}
    if database:
        problems["outbox"] = "unknown without the database"
    elif (delay := outbox_delay(at=timezone.now())) > LATEST_MAIL:
        problems["outbox"] = f"mail is {delay} late"
    # Only that it is not there: addresses and error texts are for "manage.py doctor".
    body = {name: "unavailable" if problem else "ok" for name, problem in problems.items()}
    return JsonResponse(body, status=503 if any(problems.values()) else 200)


@require_safe
@never_cache
def metrics(request: HttpRequest) -> HttpResponse:
    """Prometheus's text, for whoever has the token. Without one set, there is no such page."""
    given = request.headers.get("Authorization", "").removeprefix("Bearer ")
    if not settings.METRICS_TOKEN or not compare_digest(
        given.encode(), settings.METRICS_TOKEN.encode()
    ):
        raise Http404
    answer: HttpResponse = ExportToDjangoView(request)
    return answer
