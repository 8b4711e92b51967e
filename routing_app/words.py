"""The closed vocabularies routing speaks: bands, severities, types, functions, duties, places.

Pure strings and labels, no Django and no database. A plant may add exception types or functions of its own;
the lists here are what the shipped rules use and what the forms offer first. Must not know rules or people.
"""

from collections.abc import Mapping
from typing import Final

CRITICAL: Final = "critical"
HIGH: Final = "high"
NORMAL: Final = "normal"
LOW: Final = "low"

#: Worst first.
BANDS: Final[tuple[str, ...]] = (CRITICAL, HIGH, NORMAL, LOW)
BAND_RANK: Final[Mapping[str, int]] = {LOW: 0, NORMAL: 1, HIGH: 2, CRITICAL: 3}
BAND_CHOICES: Final = [(band, band.capitalize()) for band in BANDS]

SEVERITIES: Final[Mapping[str, str]] = {
    "critical": "critical",
    "high": "high",
    "medium": "medium",
    "low": "low",
}

TYPES: Final[Mapping[str, str]] = {
    "machine_downtime": "machine downtime",
    "material_shortage": "material shortage",
    "quality_hold": "quality hold",
    "order_change": "order change",
    "labour_shortage": "labour shortage",
    "tooling": "tooling",
    "supplier_delay": "supplier delay",
    "customer_complaint": "customer complaint",
    "safety_stop": "safety stop",
    "engineering_change": "engineering change",
}

#: Clock limits for a record whose type is not known yet, or has no row of its own.
ANY_TYPE: Final = "*"

FUNCTIONS: Final[Mapping[str, str]] = {
    "production": "Production",
    "maintenance": "Maintenance",
    "quality": "Quality",
    "logistics": "Logistics",
    "procurement": "Procurement",
    "planning": "Planning",
    "customer_service": "Customer service",
    "engineering": "Engineering",
    "safety": "Safety",
}

#: Duties: the on-shift roles a rule or a ladder names, never persons.
ROLES: Final[Mapping[str, str]] = {
    "operator": "operator",
    "line_lead": "line lead",
    "shift_supervisor": "shift supervisor",
    "technician": "technician",
    "inspector": "inspector",
    "material_handler": "material handler",
    "buyer": "buyer",
    "planner": "planner",
    "csr": "customer service representative",
    "maintenance_lead": "maintenance lead",
    "quality_engineer": "quality engineer",
    "logistics_lead": "logistics lead",
    "purchasing_lead": "purchasing lead",
    "planning_lead": "planning lead",
    "cs_lead": "customer service lead",
    "engineer": "engineer",
    "engineering_lead": "engineering lead",
    "safety_duty": "safety duty",
    "area_manager": "area manager",
    "plant_manager": "plant manager",
    "operations_director": "operations director",
}
ROLE_CHOICES: Final = list(ROLES.items())

#: The duty that answers for a function when a rule names none, and the one above it.
DUTY_OF: Final[Mapping[str, str]] = {
    "production": "line_lead",
    "maintenance": "technician",
    "quality": "inspector",
    "logistics": "material_handler",
    "procurement": "buyer",
    "planning": "planner",
    "customer_service": "csr",
    "engineering": "engineer",
    "safety": "safety_duty",
}
LEAD_OF: Final[Mapping[str, str]] = {
    "production": "shift_supervisor",
    "maintenance": "maintenance_lead",
    "quality": "quality_engineer",
    "logistics": "logistics_lead",
    "procurement": "purchasing_lead",
    "planning": "planning_lead",
    "customer_service": "cs_lead",
    "engineering": "engineering_lead",
    "safety": "safety_duty",
}

#: Channels a ladder's level may be told by, beside what each person wishes; the notifying layer knows them by these.
CHANNELS: Final[Mapping[str, str]] = {
    "email": "e-mail",
    "push": "push to a device",
    "chat": "chat",
    "phone": "text message or call",
}
CHANNEL_CHOICES: Final = list(CHANNELS.items())

HERE: Final = "here"
OTHER_SITE: Final = "other_site"
PLACES: Final[Mapping[str, str]] = {HERE: "of this site", OTHER_SITE: "of the other site"}

#: What an add rule can ask of the layers above without naming a person or a clock.
MARKS: Final[Mapping[str, str]] = {
    "root_cause_required": "a root cause is required to close",
    "group_notices": "low and normal notices are grouped",
    "parent": "it becomes the parent of the units it stops",
}


def worse(first: str, second: str) -> str:
    """The more urgent of two bands."""
    return first if BAND_RANK[first] >= BAND_RANK[second] else second


def milder(first: str, second: str) -> str:
    """The less urgent of two bands."""
    return first if BAND_RANK[first] <= BAND_RANK[second] else second


def label_of(words: Mapping[str, str], code: str) -> str:
    """The word people read for a code; a code of the plant's own shows with blanks for underscores."""
    return words.get(code, code.replace("_", " "))
