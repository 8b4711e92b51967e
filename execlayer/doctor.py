"""What can be wrong with the installation itself: servers, migrations, workers, secrets, the mail's way out."""

from collections.abc import Iterable
from datetime import timedelta
from email.utils import parseaddr

import redis
from django.conf import settings
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from core import clock
from core.doctor import Finding, Level, check
from core.models import Heartbeat
from execlayer.celery import SWEEPS

POSTGRES_MAJOR = 18
MISSED_BEATS = 4


@check
def database() -> Iterable[Finding]:
    """The server is of the version everything is tested with, and its tables are of today."""
    with connection.cursor() as cursor:
        cursor.execute("show server_version_num")
        major = int(cursor.fetchone()[0]) // 10_000
    if major < POSTGRES_MAJOR:
        yield Finding(
            "XL-X001",
            Level.WARNING,
            f"PostgreSQL {major} is older than {POSTGRES_MAJOR}, which everything is tested with",
            f"Move to PostgreSQL {POSTGRES_MAJOR}.",
        )
    else:
        yield Finding("XL-X001", Level.OK, f"PostgreSQL {major} answers")
    executor = MigrationExecutor(connection)
    waiting = len(executor.migration_plan(executor.loader.graph.leaf_nodes()))
    if waiting:
        cure = "Run manage.py migrate, then restart."
        yield Finding("XL-X002", Level.ERROR, f"{waiting} migrations are not applied", cure, waiting)


@check
def broker() -> Iterable[Finding]:
    """Without it nobody is woken and boards stand still; nothing is lost."""
    client = redis.Redis.from_url(settings.REDIS_URL, socket_connect_timeout=1, socket_timeout=1)
    try:
        client.ping()
    except redis.RedisError as error:
        yield Finding(
            "XL-X003",
            Level.ERROR,
            f"Redis does not answer ({type(error).__name__}): work waits in its tables and boards stand still",
            "Bring it back or mend REDIS_URL. What waits is picked up by itself.",
        )
    else:
        yield Finding("XL-X003", Level.OK, "Redis answers")
    finally:
        client.close()


@check
def worker() -> Iterable[Finding]:
    """The heartbeat goes from beat through the broker and a worker into the database, so one row proves all four."""
    last = Heartbeat.objects.filter(name="worker").values_list("at", flat=True).first()
    patience = timedelta(seconds=SWEEPS["heartbeat"].every * MISSED_BEATS)
    if last is None or clock.now() - last > patience:
        since = f"since {last:%Y-%m-%d %H:%M:%S} UTC" if last else "ever"
        yield Finding(
            "XL-X004",
            Level.ERROR,
            f"no worker has said it is alive {since}",
            "Start the workers and beat (make run, or celery -A execlayer.celery worker / beat); see their logs.",
        )
    else:
        yield Finding("XL-X004", Level.OK, "beat, broker and worker reach each other")


@check
def secrets() -> Iterable[Finding]:
    """Sessions and links are signed with it."""
    if not settings.SECRET_KEY_GIVEN:
        yield Finding(
            "XL-X005",
            Level.WARNING,
            "SECRET_KEY is not set: each process makes its own, so sessions and signed links end with it",
            "Set SECRET_KEY to one long random value for all processes.",
        )


@check
def mail() -> Iterable[Finding]:
    """Where mail goes is told aloud, so that nobody waits for one that lies in a folder."""
    if not settings.EMAIL_HOST:
        folder = getattr(settings, "EMAIL_FILE_PATH", "")
        yield Finding(
            "XL-X006",
            Level.INFO,
            f"no mail server is set; mails are written to {folder}",
            "Set EMAIL_HOST (and EMAIL_PORT, EMAIL_HOST_USER, EMAIL_HOST_PASSWORD, EMAIL_USE_TLS).",
        )
    elif parseaddr(settings.DEFAULT_FROM_EMAIL)[1].endswith("@localhost"):
        yield Finding(
            "XL-X007",
            Level.WARNING,
            f"mail is sent as {settings.DEFAULT_FROM_EMAIL}, which other servers refuse",
            "Set DEFAULT_FROM_EMAIL to an address of your own domain.",
        )
