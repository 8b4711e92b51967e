"""What a site has taught the reader, ready to read with: its dictionary, its trained model, who opens unasked.

Kept per process and version of the master words (`MasterChange`), which every change of what is learnt raises; so
workers and web processes pick it up with the next message, without a restart and without a query of their own.
"""

import logging
import threading
import tomllib
from dataclasses import dataclass, field
from typing import Any

from exceptions_app.models import AcceptancePolicy, CueStatus, ModelStatus, PlantCue, ReaderModel
from exceptions_app.reading.model import TypeModel, load
from exceptions_app.reading.normalise import key_of
from exceptions_app.reading.packs import LANGUAGES, PACKS_DIR, PackSet, shipped_packs

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Policy:
    """Who looks first at a type on a channel."""

    mode: str
    least: float


@dataclass
class Knowledge:
    """Everything learnt, of one version."""

    version: str
    packs: dict[str, PackSet] = field(default_factory=dict)
    policies: dict[tuple[str, str, str], Policy] = field(default_factory=dict)
    models: dict[str, tuple[str, TypeModel]] = field(default_factory=dict)

    def packs_of(self, site_code: str) -> PackSet:
        """The cue packs with the site's own words in them."""
        return self.packs.get(site_code) or shipped_packs()

    def policy_of(self, site_code: str, type_code: str, channel: str) -> Policy | None:
        """The acceptance rule of that type and channel; None where it is as shipped."""
        return self.policies.get((site_code, type_code, channel))

    def model_of(self, site_code: str) -> tuple[str, TypeModel | None]:
        """Version and weights of the trained reader in use; "" and None for the shipped one."""
        return self.models.get(site_code, ("", None))


_lock = threading.Lock()
_kept: list[Knowledge] = []


def knowledge_of(version: str) -> Knowledge:
    """What is learnt as of `version` of the master words. Three queries when that has changed, else none."""
    kept = _kept[0] if _kept else None
    if kept is not None and kept.version == version:
        return kept
    with _lock:
        kept = _kept[0] if _kept else None
        if kept is None or kept.version != version:
            kept = _gather(version)
            _kept[:] = [kept]
    return kept


def _gather(version: str) -> Knowledge:
    found = Knowledge(version)
    cues: dict[str, list[PlantCue]] = {}
    for cue in (
        PlantCue.objects.filter(status=CueStatus.CONFIRMED).select_related("site", "type").order_by("pk")
    ):
        cues.setdefault(cue.site.code, []).append(cue)
    found.packs = {site: packs_with(rows) for site, rows in cues.items()}
    for site, type_code, channel, mode, least in AcceptancePolicy.objects.values_list(
        "site__code", "type__code", "channel", "mode", "least"
    ):
        found.policies[site, type_code, channel] = Policy(mode, least)
    for site, name, data in ReaderModel.objects.filter(status=ModelStatus.PROMOTED).values_list(
        "site__code", "version", "data"
    ):
        try:
            found.models[site] = (name, load(bytes(data)))
        except ValueError as error:  # of another release: the shipped one reads until the next night
            logger.warning("trained reader %s is not used: %s", name, error)
    return found


def packs_with(cues: list[PlantCue]) -> PackSet:
    """The shipped packs and a site's own words; an abbreviation joins every list its long form stands in."""
    documents = []
    for language in LANGUAGES:
        with (PACKS_DIR / f"{language}.toml").open("rb") as file:
            documents.append(tomllib.load(file))
    for cue in cues:
        for document in documents:
            if cue.stands_for:
                _beside(document, key_of(cue.stands_for), cue.phrase)
            elif cue.type is not None and cue.type.code in document["types"]:
                lists = document["types"][cue.type.code]
                lists.setdefault("strong" if cue.strong else "weak", []).append(cue.phrase)
    built = PackSet(documents)
    built.packs = shipped_packs().packs  # the grammars of times are kept by these objects
    return built


def _beside(node: Any, meaning: str, phrase: str) -> None:
    """Put `phrase` into every list of cue words that holds `meaning`."""
    if isinstance(node, dict):
        for name, value in node.items():
            if name not in ("times", "quantities", "places"):
                _beside(value, meaning, phrase)
    elif isinstance(node, list) and any(
        isinstance(one, str) and key_of(one.rstrip("~")) == meaning for one in node
    ):
        node.append(phrase)
