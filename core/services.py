"""Core's writers: heartbeats."""

from typing import Any

from core import clock
from core.models import Heartbeat


def beat(name: str, **detail: Any) -> None:
    """Record that `name` is alive now. One upsert, no lock held afterwards."""
    Heartbeat.objects.update_or_create(name=name, defaults={"at": clock.now(), "detail": detail})


def rest(name: str) -> None:
    """Record that `name` has ended on purpose: nobody misses it."""
    Heartbeat.objects.filter(name=name).delete()
