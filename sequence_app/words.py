"""Why an operation starts when it does, in the plant's words. Pure."""

from sequence_app.dispatch import Binding

STARTS: dict[str, str] = {
    Binding.NOW: "can start now",
    Binding.MATERIAL: "waits for material",
    Binding.NOT_BEFORE: "not before the decided date",
    Binding.PREDECESSOR: "waits for its operation before",
    Binding.UNIT_BUSY: "waits for the unit",
    Binding.UNIT_DOWN: "waits for the unit to run again",
    Binding.SHIFT: "waits for the next shift",
    Binding.SETUP: "waits for the set-up",
    Binding.STARTED: "is running",
    Binding.PINNED: "pinned by a decision",
}


def start_words(binding: str) -> str:
    """The binding in words."""
    return STARTS.get(binding, binding)


def span(minutes: float) -> str:
    """A length people read: `18 min`, `2 h 10`, `3 d`."""
    whole = round(abs(minutes))
    if whole < 60:
        return f"{whole} min"
    if whole < 48 * 60:
        return f"{whole // 60} h {whole % 60:02d}"
    return f"{whole // 1440} d"
