"""Two published corpora as stand-ins: MaintIE for telling what a note says, MaintNorm for finding identifiers in it.

Neither holds the product's types, so no figure from here says how well exceptions are told apart; they show that the
features carry over to words nobody here wrote. The corpora are not part of the project: beside a checkout, or nowhere,
and then whoever asks is told which file is missing.

MaintIE (Bikaun et al., 2024) and MaintNorm (Bikaun et al., 2024), both MIT, github.com/nlp-tlp.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scipy.sparse import hstack
from sklearn.feature_extraction import DictVectorizer
from sklearn.feature_extraction.text import TfidfTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.pipeline import make_pipeline

from exceptions_app.learning.train import FLAG_VALUE
from exceptions_app.reading.evidence import evidence_of
from exceptions_app.reading.features import Features
from exceptions_app.reading.master import MasterCode, MasterIndex
from exceptions_app.reading.normalise import normalise
from exceptions_app.reading.packs import shipped_packs

DATA = Path(__file__).resolve().parents[2] / "shared" / "data" / "capture"
MAINTIE = DATA / "maintie" / "gold_release.json"
MAINTNORM = DATA / "maintnorm"
FAILED, DEGRADED, ACTIVITY = "failed", "degraded", "activity"
_STRENGTH = 6.0
_SEED = 2026


@dataclass(frozen=True, slots=True)
class Found:
    """Identifiers linked, how many of them are marked as such, and how many there are."""

    linked: int
    right: int
    marked: int

    @property
    def precision(self) -> float:
        """Share of the linked that are identifiers."""
        return self.right / self.linked if self.linked else 1.0

    @property
    def recall(self) -> float:
        """Share of the identifiers that were linked."""
        return self.right / self.marked if self.marked else 1.0


def maintie() -> list[tuple[str, str]]:
    """Texts and labels: failed where a failed state is annotated, else degraded where anything undesirable is, else
    activity where an activity is; what has none of these is left out."""
    rows = []
    for row in json.loads(MAINTIE.read_text(encoding="utf-8")):
        kinds = " ".join(entity["type"] for entity in row["entities"])
        label = (
            FAILED if "FailedState" in kinds
            else DEGRADED if "Undesirable" in kinds
            else ACTIVITY if "Activity" in kinds
            else ""
        )  # fmt: skip
        if label:
            rows.append((row["text"], label))
    return rows


def maintie_macro_f1(folds: int = 5) -> float:
    """Macro-F1 of the reader's features with logistic regression, in stratified cross-validation."""
    rows = maintie()
    master, packs = MasterIndex([]), shipped_packs()
    seen = [evidence_of(text, master=master, packs=packs).features for text, _ in rows]
    labels = [label for _, label in rows]
    splits = StratifiedKFold(folds, shuffle=True, random_state=_SEED)
    guessed = cross_val_predict(_model(), seen, labels, cv=splits)
    return float(f1_score(labels, guessed, average="macro"))


class _Blocks:
    """Words, letter groups and flags as the trained reader weighs them: two blocks of length one, flags beside them."""

    def fit(self, rows: list[Features], labels: Any = None) -> "_Blocks":
        self._vectors = [DictVectorizer() for _ in range(3)]
        self._weights = [TfidfTransformer() for _ in range(2)]
        for place, block in enumerate(self._blocks(rows)):
            table = self._vectors[place].fit_transform(block)
            if place < len(self._weights):
                self._weights[place].fit(table)
        return self

    def transform(self, rows: list[Features]) -> Any:
        tables = [self._vectors[place].transform(block) for place, block in enumerate(self._blocks(rows))]
        weighed = [weights.transform(table) for weights, table in zip(self._weights, tables, strict=False)]
        return hstack([*weighed, tables[2]]).tocsr()

    @staticmethod
    def _blocks(rows: list[Features]) -> tuple[list[dict[str, float]], ...]:
        return (
            [{gram: 1.0 for gram, _ in row.words} for row in rows],
            [{gram: 1.0 for gram, _ in row.letters} for row in rows],
            [dict.fromkeys(row.flags, FLAG_VALUE) for row in rows],
        )


def _model() -> Any:
    return make_pipeline(_Blocks(), LogisticRegression(C=_STRENGTH, max_iter=500))


def maintnorm(part: str) -> list[list[tuple[str, str]]]:
    """The notes of a part (train, val, test) of all three companies: each a list of (token, normal form)."""
    notes: list[list[tuple[str, str]]] = [[]]
    for line in (MAINTNORM / f"combined.{part}.norm").read_text(encoding="utf-8").splitlines():
        token, _, normal = line.partition("\t")
        if token:
            notes[-1].append((token, normal))
        elif notes[-1]:
            notes.append([])
    return [note for note in notes if note]


def maintnorm_identifiers() -> Found:
    """Identifiers of the test part found by an index of every identifier the corpus has, as a plant knows its own."""
    test = maintnorm("test")
    known = {
        token
        for note in (*test, *maintnorm("train"), *maintnorm("val"))
        for token, normal in note
        if normal == "<id>"
    }
    index = MasterIndex(MasterCode("work_unit", code) for code in sorted(known))
    linked = right = marked = 0
    for note in test:
        place, spans = 0, []
        for token, normal in note:
            if "<id>" in normal:
                spans.append((place, place + len(token)))  # "BD3257-Inspect" holds one, too
            place += len(token) + 1
        hits, _ = index.find(normalise(" ".join(token for token, _ in note)))
        linked += len(hits)
        right += sum(any(a <= hit.span.start and hit.span.end <= b for a, b in spans) for hit in hits)
        marked += len(spans)
    return Found(linked, right, marked)
