"""The jobs of one work centre as the plan has them, as a proposal would, and as they are on the machines.

Read once, for the list and for the lanes of the sequence page. Must not know words or geometry.
"""

from datetime import datetime, timedelta
from typing import Final

from boards_app.selectors.limits import Limit
from plant_app.models import Operation, WorkUnitState
from plant_app.selectors import current_states
from plant_app.selectors.floor import ON_UNIT
from sequence_app.models import SequenceRow
from sequence_app.selectors import CentreQueue

PAST: Final = timedelta(hours=4)


class CentreJobs:
    """Everything of one centre, in five queries."""

    def __init__(self, queue: CentreQueue, standing: list[Limit], now: datetime, zone: str) -> None:
        self.queue, self.standing, self.now, self.zone = queue, standing, now, zone
        centre = queue.centre
        self.units = list(centre.work_units.filter(active=True).order_by("position", "code"))
        self.states: dict[int, WorkUnitState] = current_states(self.units)
        self.published = {row.planned.operation_id: row for row in queue.rows}
        self.changes = {
            change["operation"]: change
            for change in (queue.recommendation.changes if queue.recommendation else [])
        }
        self.proposed: dict[int, SequenceRow] = {}
        if queue.recommendation is not None:
            rows = queue.recommendation.version.rows.filter(work_unit__in=self.units)
            self.proposed = {
                row.operation_id: row
                for row in rows.select_related("operation__work_order__item", "work_unit")
                if row.operation.finished_at is None
            }
        past = Operation.objects.filter(actual_unit__in=self.units).select_related("work_order__item")
        self.done = list(past.filter(finished_at__gte=now - PAST, started_at__isnull=False))
        # what runs here without a place in the plan is shown all the same
        self.on_unit = list(past.filter(status__in=ON_UNIT))
