"""The pages of fire drills: each line's schedule with its last result, and one drill's report."""

from typing import Any

from boards_app.selectors.frame import Frame
from notify_app.drill_selectors import drills_of, plans_of
from notify_app.models import DrillLine, DrillRun, DrillStatus, NoticeChannel
from notify_app.services.drill_report import report_lines
from plant_app.selectors import can

MOST = 50
LOOKS = {
    DrillStatus.PASSED: ("circle-check", "t-ok"),
    DrillStatus.FAILED: ("octagon-x", "t-crit"),
    DrillStatus.MISSED: ("circle-x", "t-warn"),
    DrillStatus.RUNNING: ("hourglass", ""),
    DrillStatus.STARTING: ("hourglass", ""),
}
CHANNELS = dict(NoticeChannel.choices)
STATES = {"untold": "not told", "delivered": "told", "sent": "told", "failed": "not told", "held": "waits"}


def drills_page(frame: Frame) -> dict[str, Any]:
    """Plans with their last drill, and the drills held lately. Three queries."""
    plans = [
        {
            "plan": plan,
            "last": DrillStatus(plan.last_status) if vars(plan)["last_status"] else None,  # type: ignore[attr-defined]
            "last_id": vars(plan)["last_id"],
            "last_at": vars(plan)["last_at"],
            "look": LOOKS.get(vars(plan)["last_status"], ("circle", "")),
            "may_run": can(frame.user, "drill.run", plan.work_centre.area.site_id),
        }
        for plan in plans_of(frame.user)
    ]
    runs = [{"run": run, "look": LOOKS[DrillStatus(run.status)]} for run in drills_of(frame.user)[:MOST]]
    return {"plans": plans, "runs": runs, "live": " ".join(f"site.{site.pk}" for site in frame.sites)}


def drill_page(run: DrillRun) -> dict[str, Any]:
    """One drill with its lines, as stored; live while it runs."""
    lines = report_lines(run)
    return {
        "run": run,
        "look": LOOKS[DrillStatus(run.status)],
        "over": run.finished_at is not None,
        "lines": [
            {"line": line, "state": _state(line), "channel": CHANNELS.get(line.channel, line.channel)}
            for line in lines
        ],
        "told": len({line.person_id for line in lines if line.person_id and line.told_at}),
        "answered": len({line.function_id for line in lines if line.function_id and line.answered_at}),
        "functions": len({line.function_id for line in lines if line.function_id and line.due_at}),
        "zone": run.plan.work_centre.area.site.timezone,
        "live": f"site.{run.plan.work_centre.area.site_id}",
    }


def _state(line: DrillLine) -> str:
    return STATES.get(line.status, line.status.replace("_", " "))
