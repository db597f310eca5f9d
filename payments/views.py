"""Where the processor tells us what happened."""

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from payments.errors import NotFromProcessor
from payments.services.notices import receive

# The largest notice is a few kilobytes.
LARGEST_NOTICE = 512_000


@csrf_exempt
@require_POST
def stripe_webhook(request: HttpRequest) -> HttpResponse:
    """Keep a notice and say thank you. It is applied by a task: an answer that takes long is sent
    again."""
    if int(request.headers.get("Content-Length") or 0) > LARGEST_NOTICE:
        return HttpResponse(status=413)
    try:
        receive(
            body=request.body,
            signature=request.headers.get("Stripe-Signature", ""),
            at=timezone.now(),
        )
    except NotFromProcessor:
        return HttpResponse("Not signed by Stripe.\n", status=400, content_type="text/plain")
    return HttpResponse(status=204)
