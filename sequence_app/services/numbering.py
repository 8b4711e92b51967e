"""Positions of a plan's rows, counted by their start on each unit."""

from collections import defaultdict

from plant_app.services import PlanRow


def numbered(rows: list[PlanRow]) -> list[PlanRow]:
    """Positions by start on each unit."""
    found = []
    positions: dict[int, int] = defaultdict(int)
    for row in sorted(rows, key=lambda row: (row.work_unit_id, row.start, row.position)):
        found.append(
            PlanRow(
                row.operation_id,
                row.work_unit_id,
                positions[row.work_unit_id],
                row.start,
                row.end,
                row.pinned,
            )
        )
        positions[row.work_unit_id] += 1
    return found
