"""What happens on a shop floor, and how people put it. Pure data.

Placeholders: {unit} code, {name} how people call it, {order}, {item}, {lot}, {qty}, {centre}, {sales}, {supplier}.
Languages as spoken at the two sites.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Scenario:
    """A kind of trouble: its type, how often (weight), what is said, and the option people usually take."""

    type: str
    weight: int
    texts: tuple[str, ...]
    options: tuple[tuple[str, int], ...]
    reason: str = ""
    needs: str = "unit"


SCENARIOS: tuple[Scenario, ...] = (
    Scenario(
        "machine_downtime",
        9,
        (
            "{name} down, hydraulic leak",
            "{unit} stopped, oil leaking under the table",
            "{unit} läuft nicht, Leckage an der Hydraulik",
            "{unit} nie działa, wyciek oleju",
        ),
        (("repair_and_resume", 5), ("run_on_alternate", 4), ("defer", 1)),
        reason="MEC-LEAK",
    ),
    Scenario(
        "machine_downtime",
        7,
        (
            "{unit} stopped, sensor fault at the door",
            "{name} faulted, light curtain sensor fault again",
            "{unit} Störung, Sensor defekt",
            "{unit} parada, falla de sensor",
        ),
        (("repair_and_resume", 8), ("run_on_alternate", 2)),
        reason="ELE-SENS",
    ),
    Scenario(
        "machine_downtime",
        5,
        (
            "{unit} tripped, drive fault since 10 min",
            "{unit} steht, Antrieb ausgefallen",
            "{unit} stanęła, awaria napędu",
        ),
        (("repair_and_resume", 5), ("run_on_alternate", 5)),
        reason="ELE-MOT",
    ),
    Scenario(
        "machine_downtime",
        4,
        ("{unit} no air, stopped", "{unit} keine Luft, Stillstand", "{unit} brak powietrza, stoi"),
        (("repair_and_resume", 1),),
        reason="UTL-AIR",
    ),
    Scenario(
        "material_shortage",
        8,
        (
            "out of {item} at {unit}, bin empty",
            "{unit} waiting on parts, {item} not in location",
            "Material fehlt an {unit}: {item}, Behälter leer",
            "brak materiału {item} na {unit}",
        ),
        (("expedite", 8), ("substitute", 1), ("reschedule", 3)),
        needs="item",
    ),
    Scenario(
        "quality_hold",
        7,
        (
            "lot {lot} on hold, {qty} pcs burr on the bore",
            "{qty} pcs of lot {lot} out of tolerance, put on hold",
            "Los {lot} gesperrt, {qty} Stück außer Toleranz",
        ),
        (("rework", 4), ("use_as_is", 3), ("scrap", 3)),
        reason="DIM-SIZE",
        needs="lot",
    ),
    Scenario(
        "labour_shortage",
        4,
        (
            "one short at {centre}, no operator for {unit}",
            "{centre} unterbesetzt, ein Mann fehlt",
            "{centre}: falta operador en {unit}",
        ),
        (("reassign", 6), ("overtime", 2), ("call_in", 1)),
        needs="centre",
    ),
    Scenario(
        "order_change",
        3,
        (
            "order {sales}: customer asks to pull in, earlier date please",
            "{sales} Termin vorziehen, Kunde braucht früher",
        ),
        (("accept", 6), ("accept_with_change", 2), ("reject", 1)),
        needs="sales",
    ),
    Scenario(
        "tooling",
        2,
        ("broken tool on {unit}, insert chipped", "{unit} Werkzeugbruch", "{unit} herramienta rota"),
        (("use_spare_tool", 5), ("repair_tool", 3)),
        reason="BRK",
    ),
)
