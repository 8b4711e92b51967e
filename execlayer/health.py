"""For machines that watch: alive, ready, and a few counts in Prometheus' text form.

Reads only; the counts come from the tables the work lies in, so they are true whatever the broker says.
"""

from typing import Any

import redis
from django.conf import settings
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.db.models import Count, Min, QuerySet
from django.http import HttpRequest, HttpResponse, JsonResponse

from core import clock
from core.models import Heartbeat
from erp_sync.lifecycle import Status
from erp_sync.models import AlarmKind, OutboxAlarm, Posting
from exceptions_app.models import ExceptionRecord, ReadingStatus, Response, SignalReading, Telling


def alive(request: HttpRequest) -> HttpResponse:
    """The process answers; says nothing of what it needs."""
    return HttpResponse("ok\n", content_type="text/plain")


def ready(request: HttpRequest) -> JsonResponse:
    """200 when database, Redis and migrations are as they must be to serve people, else 503 naming what is not."""
    parts = {"database": _database(), "redis": _redis()}
    parts["migrations"] = _migrations() if parts["database"] == "ok" else "unknown"
    good = all(state == "ok" for state in parts.values())
    return JsonResponse({"ready": good, **parts}, status=200 if good else 503)


def _database() -> str:
    try:
        with connection.cursor() as cursor:
            cursor.execute("select 1")
    except DatabaseError as error:
        return f"unreachable: {type(error).__name__}"
    return "ok"


def _redis() -> str:
    client = redis.Redis.from_url(settings.REDIS_URL, socket_connect_timeout=1, socket_timeout=1)
    try:
        client.ping()
    except redis.RedisError as error:
        return f"unreachable: {type(error).__name__}"
    finally:
        client.close()
    return "ok"


def _migrations() -> str:
    executor = MigrationExecutor(connection)
    waiting = executor.migration_plan(executor.loader.graph.leaf_nodes())
    return "ok" if not waiting else f"{len(waiting)} not applied"


def metrics(request: HttpRequest) -> HttpResponse:
    """Prometheus text: due rows per table, how long the oldest waits, postings by status, heartbeat ages."""
    now = clock.now()
    lines = [
        "# HELP execlayer_due Rows of a table whose moment has come and that nobody has worked off.",
        "# TYPE execlayer_due gauge",
    ]
    ages = [
        "# HELP execlayer_due_oldest_seconds How long the oldest of them has waited.",
        "# TYPE execlayer_due_oldest_seconds gauge",
    ]
    for table, waiting, column in _waiting():
        found = waiting.filter(**{f"{column}__lte": now}).aggregate(count=Count("pk"), oldest=Min(column))
        lines.append(f'execlayer_due{{table="{table}"}} {found["count"]}')
        age = (now - found["oldest"]).total_seconds() if found["oldest"] else 0
        ages.append(f'execlayer_due_oldest_seconds{{table="{table}"}} {age:.1f}')
    counts = dict(Posting.objects.values_list("status").annotate(count=Count("pk")).order_by())
    lines += [*ages, "# HELP execlayer_postings Postings by status.", "# TYPE execlayer_postings gauge"]
    lines += [
        f'execlayer_postings{{status="{status.value}"}} {counts.get(status.value, 0)}' for status in Status
    ]
    raised = dict(
        OutboxAlarm.objects.filter(cleared_at=None).values_list("kind").annotate(count=Count("pk")).order_by()
    )
    lines += [
        "# HELP execlayer_outbox_alarms Open alarms of ERP connections by kind.",
        "# TYPE execlayer_outbox_alarms gauge",
    ]
    lines += [f'execlayer_outbox_alarms{{kind="{kind}"}} {raised.get(kind, 0)}' for kind in AlarmKind.values]
    lines += [
        "# HELP execlayer_heartbeat_age_seconds Since a part last said it was alive.",
        "# TYPE execlayer_heartbeat_age_seconds gauge",
    ]
    for name, at in Heartbeat.objects.values_list("name", "at"):
        lines.append(f'execlayer_heartbeat_age_seconds{{part="{name}"}} {(now - at).total_seconds():.1f}')
    return HttpResponse("\n".join(lines) + "\n", content_type="text/plain; version=0.0.4; charset=utf-8")


def _waiting() -> list[tuple[str, QuerySet[Any], str]]:
    """Each table of due work: its name outside, what of it is not done yet, and its due column."""
    return [
        ("signals", SignalReading.objects.filter(status=ReadingStatus.PENDING), "due_at"),
        ("tellings", Telling.objects.filter(taken_at__isnull=True), "due_at"),
        ("levels", Response.objects.filter(next_level_at__isnull=False), "next_level_at"),
        (
            "escalations",
            ExceptionRecord.objects.filter(next_escalation_at__isnull=False),
            "next_escalation_at",
        ),
        ("containment", ExceptionRecord.objects.filter(contain_due_at__isnull=False), "contain_due_at"),
        ("postings", Posting.objects.filter(status__in=[Status.QUEUED, Status.UNKNOWN]), "due_at"),
    ]
