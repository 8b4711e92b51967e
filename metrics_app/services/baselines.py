"""What it was like before, counted by a census: the figures a later month is compared with."""

from datetime import datetime
from zoneinfo import ZoneInfo

from django.db import transaction

from core.errors import TransitionRefused
from exceptions_app.models import Census, CensusStatus
from metrics_app.models import Baseline

DAYS_A_MONTH = 30.44


@transaction.atomic
def keep_baseline(*, census: Census) -> Baseline:
    """Keep a counted census as its site's baseline; keeping it again renews the same one.

    Events and hours per month by type, and the median time of what was measured as the resolution time before (the past
    did not record the other three metrics). TransitionRefused `census.not_done`, or `census.undated` where no entry
    has a date. No lock.
    """
    figures = census.figures
    if census.status != CensusStatus.DONE:
        raise TransitionRefused("census.not_done", "It is not counted yet.")
    if not figures.get("began"):
        raise TransitionRefused("census.undated", "None of its entries has a date to compare with.")
    zone = ZoneInfo(census.site.timezone)
    began = datetime.fromisoformat(figures["began"]).astimezone(zone).date()
    ended = datetime.fromisoformat(figures["ended"]).astimezone(zone).date()
    months = max(((ended - began).days + 1) / DAYS_A_MONTH, 1 / DAYS_A_MONTH)
    baseline, _ = Baseline.objects.update_or_create(
        origin_ref=f"census:{census.pk}",
        defaults={
            "site": census.site, "name": census.name, "start": began, "end": ended,
            "resolution_median": figures.get("resolution_median"),
            "source": f"counted from {figures['entries']} entries: {figures['events']} events",
            "types": {
                one["type_code"]: {
                    "per_month": round(one["events"] / months, 1), "hours_per_month": round(one["hours"] / months, 1)
                }
                for one in figures["types"]
            },
        },
    )  # fmt: skip
    return baseline
