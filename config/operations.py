"""What machines ask: is the process there, can it work, what has it counted."""

from datetime import timedelta
from secrets import compare_digest

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from django_prometheus.exports import ExportToDjangoView
from prometheus_client import CollectorRegistry, Gauge, generate_latest

from common.connections import broker_problem, database_problem
from events.models import DueMail
from notifications.models import Message
from notifications.queries import outbox_delay

# Sweepers run each minute, so mail this late means that no worker or no mail server is there.
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
    problems = {"database": database, "broker": broker_problem()}
    for name in ("outbox", "mails_to_write"):
        problems[name] = "unknown without the database" if database else ""
    if not database:
        at = timezone.now()
        delays = {
            "outbox": outbox_delay(at=at),
            "mails_to_write": DueMail.objects.delay(at=at),
        }
        problems |= {
            name: f"mail is {delay} late" for name, delay in delays.items() if delay > LATEST_MAIL
        }
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
    if not database_problem():
        # What is true of the installation, whichever process answers.
        answer.write(generate_latest(_backlogs()))
    return answer


def _backlogs() -> CollectorRegistry:
    """How much mail waits, and for how long: promised and not written, written and not sent."""
    at, registry = timezone.now(), CollectorRegistry()
    due = DueMail.objects
    values = {
        "outbox_delay_seconds": (
            "How long the mail that waits longest is overdue.",
            outbox_delay(at=at).total_seconds(),
        ),
        "outbox_due": ("Mails that should be sent by now.", Message.objects.due(at=at).count()),
        "mails_to_write_delay_seconds": (
            "How long the promised mail that waits longest has waited to be written.",
            due.delay(at=at).total_seconds(),
        ),
        "mails_to_write": ("Mails that are promised and not written.", due.count()),
        "mails_to_write_failing": (
            "Of these, those that cannot be written.",
            due.failing().count(),
        ),
    }
    for name, (words, value) in values.items():
        Gauge(f"greenroom_{name}", words, registry=registry).set(value)
    return registry
