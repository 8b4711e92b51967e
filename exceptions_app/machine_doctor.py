"""What can be wrong with machine data: no bridge, brokers that cannot be reached, silent nodes, bad sensors.

Reads heartbeats and stored node rows only; never asks a broker.
"""

from collections.abc import Iterable
from datetime import timedelta

from django.db.models import Count, Q

from core import clock
from core.doctor import Finding, Level, check
from core.models import Heartbeat
from exceptions_app.channels.mqtt import BRIDGED
from exceptions_app.channels.opcua import NONE
from exceptions_app.machine.conditions import BadCondition
from exceptions_app.machine.topics import BadTemplate
from exceptions_app.machine_live import live_of_node
from exceptions_app.models import BridgeNode, MachineSignal, Source
from exceptions_app.services.machine.definitions import definition_of

#: A bridge beats every two seconds.
PATIENCE = timedelta(seconds=60)
_SHOWN = 5


@check
def bridges_run() -> Iterable[Finding]:
    """Every active source of machine data with signals is read by a bridge that reaches its broker or server."""
    sources = list(
        Source.objects.filter(adapter__in=BRIDGED, active=True)
        .annotate(defined=Count("machine_signals", filter=Q(machine_signals__active=True)))
        .order_by("code")
    )
    if not sources:
        return
    since = clock.now() - PATIENCE
    beats = list(Heartbeat.objects.filter(name__startswith="bridge:", at__gte=since))
    running = {beat.detail.get("source"): beat.detail for beat in beats}
    unread = [one for one in sources if one.code not in running]
    missing = [one.code for one in unread]
    commands = ", ".join(sorted({f"manage.py bridge_{one.adapter}" for one in unread}))
    if missing:
        yield Finding(
            "XL-E040", Level.ERROR, f"No bridge reads {', '.join(missing[:_SHOWN])}",
            f"Start {commands} (make run does it by itself); a broker or agent has kept what came meanwhile.",
            count=len(missing),
        )  # fmt: skip
    failing = [f"{code}: {detail['fault']}" for code, detail in running.items() if detail.get("fault")]
    if failing:
        yield Finding(
            "XL-E041", Level.ERROR, f"A bridge has trouble: {'; '.join(failing[:_SHOWN])}",
            "Mend address, user, password or node ids of the source, or its server or the database; it is tried again "
            "by itself.",
            count=len(failing),
        )  # fmt: skip
    empty = [one.code for one in sources if not getattr(one, "defined", 0)]
    if empty:
        yield Finding(
            "XL-E042", Level.WARNING, f"No signal is defined for {', '.join(empty[:_SHOWN])}",
            "Define its signals under Exceptions, Machine signals, or switch the source off.", count=len(empty),
        )  # fmt: skip
    if not missing and not failing:
        yield Finding("XL-E040", Level.OK, "Every machine source is read by a bridge")


@check
def servers_are_trusted() -> Iterable[Finding]:
    """No password goes to an OPC UA server that could be anybody."""
    open_ones = [
        source.code
        for source in Source.objects.filter(adapter="opcua", active=True).order_by("code")
        if source.config.get("user") and source.config.get("security", NONE) == NONE
    ]
    if open_ones:
        yield Finding(
            "XL-E048", Level.WARNING, f"A password goes unprotected to {', '.join(open_ones[:_SHOWN])}",
            "Choose Basic256Sha256 in the source and name the three certificate files.", count=len(open_ones),
        )  # fmt: skip


@check
def nodes_are_held() -> Iterable[Finding]:
    """Nodes do not stay without a worker."""
    late = BridgeNode.objects.filter(source__active=True, heard_at__isnull=False).filter(
        Q(owner="", stored_at__lt=clock.now() - PATIENCE) | Q(lease_until__lt=clock.now() - PATIENCE)
    )
    count = late.count()
    if count:
        yield Finding(
            "XL-E043", Level.ERROR, f"{count} machine nodes are held by no bridge for more than a minute",
            "Check that a bridge runs for their source; it takes them by itself.", count=count,
        )  # fmt: skip


@check
def signals_are_believed() -> Iterable[Finding]:
    """Silent nodes, signals shelved as bad sensors, messages nobody could read, definitions that cannot work."""
    nodes = list(BridgeNode.objects.filter(source__active=True).order_by("key"))
    live = [one for node in nodes for one in live_of_node(node)]
    silent = sorted({one.unit for one in live if one.silent})
    if silent:
        yield Finding(
            "XL-E044", Level.WARNING, f"No data from {', '.join(silent[:_SHOWN])}",
            "Check the gateway and its network; the item in triage ends by itself when data is back.",
            count=len(silent),
        )  # fmt: skip
    shelved = sorted({one.unit for one in live if one.shelved_until is not None})
    if shelved:
        yield Finding(
            "XL-E045", Level.WARNING, f"Bad sensors are not listened to: {', '.join(shelved[:_SHOWN])}",
            "Mend the sensor, or give its signal a longer delay or a deadband.", count=len(shelved),
        )  # fmt: skip
    day = clock.now() - timedelta(days=1)
    faulty = [
        f"{node.key}: {node.fault}" for node in nodes if node.fault_at is not None and node.fault_at > day
    ]
    if faulty:
        yield Finding(
            "XL-E046", Level.WARNING, f"Machine messages could not be read or placed today: {'; '.join(faulty[:2])}",
            "Look at the raw message in its triage item, or the code named; mend the sender, or the signal's paths.",
            count=len(faulty),
        )  # fmt: skip
    broken = []
    for row in MachineSignal.objects.filter(active=True).select_related(
        "work_unit", "exception_type", "reason"
    ):
        try:
            definition_of(row)
        except (BadCondition, BadTemplate) as error:
            broken.append(f"{row.code}: {error}")
    if broken:
        yield Finding(
            "XL-E047", Level.ERROR, f"Signals that cannot work are left out: {'; '.join(broken[:_SHOWN])}",
            "Open them in the admin and save them; the form says what is wrong.", count=len(broken),
        )  # fmt: skip
