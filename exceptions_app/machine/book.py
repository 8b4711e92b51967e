"""The book of defined signals: which rule judges a signal of a node, and for which work unit.

Built from rows by a service, asked by drivers and nodes. Pure: a template fits or it does not.
"""

from dataclasses import dataclass, field

from exceptions_app.machine.debounce import Rule
from exceptions_app.machine.topics import Paths, Template


@dataclass(frozen=True, slots=True)
class Definition:
    """One row of the book. `template` names the node (and device); `unit` is the fixed work unit, empty when the
    template's `{unit}` level names it. Sparkplug signals have a `metric`, JSON ones `paths`. `type_code`, `reason` and
    `text` are what the exception is.
    """

    pk: int
    code: str
    template: Template
    rule: Rule
    unit: str = ""
    metric: str = ""
    paths: Paths = field(default_factory=Paths)
    type_code: str = "machine_downtime"
    reason: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True)
class Binding:
    """A definition that fits a signal, for one work unit."""

    definition: Definition
    unit: str

    @property
    def key(self) -> str:
        """Under which the state is kept in its node's row."""
        return f"{self.definition.pk}:{self.unit}"


@dataclass(frozen=True, slots=True)
class Book:
    """Every active definition of one source. `units`: comparable code -> code of the site's work units; `planned`:
    units in a planned stop or changeover now.
    """

    definitions: tuple[Definition, ...] = ()
    units: dict[str, str] = field(default_factory=dict)
    planned: frozenset[str] = frozenset()

    def watches(self, node: str, *, sparkplug: bool) -> bool:
        """Whether any definition could be about this node."""
        levels = node.split("/")
        if sparkplug:
            return any(self._fits_node(one, levels) for one in self.definitions)
        return any(one.template.match(levels) is not None for one in self.definitions)

    def on_topic(self, topic: str) -> list[Binding]:
        """The bindings of a JSON topic."""
        levels = topic.split("/")
        return [
            Binding(one, unit)
            for one in self.definitions
            if (named := one.template.match(levels)) is not None and (unit := self._unit(one, named))
        ]

    def on_metric(self, node: str, signal: str) -> list[Binding]:
        """The bindings of a Sparkplug metric; `signal` is "device/metric"."""
        device, _, metric = signal.partition("/")
        levels = [*node.split("/"), *([device] if device else [])]
        return [
            Binding(one, unit)
            for one in self.definitions
            if one.metric == metric
            and (named := one.template.match(levels)) is not None
            and (unit := self._unit(one, named))
        ]

    def strangers(self, levels: list[str], metric: str | None = None) -> list[str]:
        """Codes a `{unit}` level names that are no work unit of the site: such a topic is never judged."""
        return sorted(
            {
                named["unit"]
                for one in self.definitions
                if (metric is None or one.metric == metric)
                and not one.unit
                and (named := one.template.match(levels)) is not None
                and named.get("unit")
                and not self._unit(one, named)
            }
        )

    def _unit(self, definition: Definition, named: dict[str, str]) -> str:
        if definition.unit:
            return definition.unit
        return self.units.get(named.get("unit", "").casefold(), "")

    @staticmethod
    def _fits_node(definition: Definition, levels: list[str]) -> bool:
        wanted = definition.template.levels[:2]
        return len(levels) == len(wanted) and all(
            placeholder or word == given for given, (word, placeholder) in zip(levels, wanted, strict=True)
        )
