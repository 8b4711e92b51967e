"""What can be wrong with webhooks: endpoints that are off or fail, messages given up, messages nobody sends."""

from collections.abc import Iterable
from datetime import timedelta

from django.conf import settings

from core import clock
from core.doctor import Finding, Level, check
from notify_app.models import WebhookDelivery, WebhookDue, WebhookEndpoint, WebhookStatus
from notify_app.webhooks.targets import networks


@check
def webhooks() -> Iterable[Finding]:
    """Other systems hear what happened."""
    now = clock.now()
    off = list(WebhookEndpoint.objects.filter(active=False, disabled_at__isnull=False))
    if off:
        names = ", ".join(endpoint.name for endpoint in off)
        yield Finding(
            "XL-N030", Level.WARNING, f"Webhooks switched off by their receivers' wish: {names}",
            "If the receiver is back, switch the endpoint on again in the admin; what waited is then sent.",
            count=len(off),
        )  # fmt: skip
    dead = WebhookDelivery.objects.filter(
        status=WebhookStatus.DEAD, endpoint__active=True, settled_at__gt=now - timedelta(days=7)
    )
    count = dead.count()
    if count:
        last = dead.order_by("-settled_at").select_related("endpoint")[0]
        yield Finding(
            "XL-N031", Level.ERROR, f"{count} webhooks given up in a week, the last to {last.endpoint}: {last.error}",
            "Mend the receiver, then choose 'Send what was given up again' at the endpoint in the admin.",
            count=count,
        )  # fmt: skip
    failing = WebhookEndpoint.objects.filter(active=True, failing_since__lt=now - timedelta(minutes=15))
    for endpoint in failing:
        minutes = int((now - (endpoint.failing_since or now)).total_seconds() // 60)
        yield Finding(
            "XL-N032", Level.WARNING, f"Nothing has reached the webhook {endpoint} for {minutes} minutes",
            "See the receiver's answers in its delivery log; messages wait up to 48 hours.",
        )  # fmt: skip
    late = now - timedelta(minutes=5)
    waiting = (
        WebhookDelivery.objects.filter(
            status=WebhookStatus.SENDING, endpoint__active=True, due_at__lt=late
        ).count()
        + WebhookDue.objects.filter(event__at__lt=late).count()
    )
    if waiting:
        yield Finding(
            "XL-N033", Level.ERROR, f"{waiting} webhooks are due and nobody has sent them for five minutes",
            "Check that the worker runs; it sends them by itself.", count=waiting,
        )  # fmt: skip
    try:
        networks(settings.WEBHOOK_PRIVATE_NETWORKS)
    except ValueError as error:
        yield Finding(
            "XL-N034", Level.ERROR, f"WEBHOOK_PRIVATE_NETWORKS can't be read: {error}",
            "Write networks like 10.20.0.0/16, parted by commas, and start anew.",
        )  # fmt: skip
