"""Trains the reader's type model from the authored sentences and a site's corrections; the only user of scikit-learn.

Run in a process of its own (`manage.py train_reader`). The same input gives the same model. Probabilities are sharpened
or softened to what a held-out fifth of the templates says. Must not know where corrections are stored.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.sparse import csr_matrix
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score

from exceptions_app.learning.sentences import LABELS, Sentence, training_plant
from exceptions_app.reading.evidence import evidence_of
from exceptions_app.reading.features import Features
from exceptions_app.reading.master import MasterIndex
from exceptions_app.reading.model import packed
from exceptions_app.reading.packs import PackSet, shipped_packs

FLAG_VALUE = 0.45
_STRENGTH = 6.0
_MOST_GRAMS = 30_000
_LEAST_GROUPS = 2
_HELD_OUT = 5


@dataclass(frozen=True)
class Trained:
    """A model's bytes, and how it did on the templates it had not seen."""

    data: bytes
    version: str
    sentences: int
    held_out: int
    accuracy: float
    macro_f1: float
    log_loss: float


def read_features(
    sentences: Iterable[Sentence], *, master: MasterIndex | None = None, packs: PackSet | None = None
) -> list[Features]:
    """The features of every sentence, by the very steps a message goes through."""
    master, packs = master or training_plant(), packs or shipped_packs()
    return [
        evidence_of(sentence.text, master=master, packs=packs, language=sentence.language).features
        for sentence in sentences
    ]


def train(
    sentences: Sequence[Sentence],
    features: Sequence[Features],
    *,
    packs_version: str = "",
    most: int = _MOST_GRAMS,
) -> Trained:
    """Fit, measure on every fifth template, calibrate, then fit on everything. ValueError when a label is missing."""
    missing = set(LABELS) - {sentence.label for sentence in sentences}
    if missing:
        raise ValueError(f"no sentence for {', '.join(sorted(missing))}")
    grams, idf = _vocabulary(sentences, features, most)
    index = {gram: number for number, gram in enumerate(grams)}
    table = _matrix(features, index, idf)
    target = np.array([LABELS.index(sentence.label) for sentence in sentences])
    weight = np.array([sentence.weight for sentence in sentences])
    held = np.array([_fold(sentence.group) == 0 for sentence in sentences])
    trial = _fit(table[~held], target[~held], weight[~held])
    whole = held & (weight >= 1.0)
    scores = trial.decision_function(table[whole])
    sharpness = _sharpness(scores, target[whole])
    guess = scores.argmax(axis=1)
    final = _fit(table, target, weight)
    version = version_of(sentences, packs_version)
    return Trained(
        data=packed(
            version=version, labels=LABELS, grams=grams, idf=idf, weights=final.coef_.T, bias=final.intercept_,
            flag_value=FLAG_VALUE, sharpness=sharpness,
        ),
        version=version,
        sentences=len(sentences),
        held_out=int(whole.sum()),
        accuracy=float((guess == target[whole]).mean()),
        macro_f1=float(f1_score(target[whole], guess, average="macro")),
        log_loss=_loss(sharpness, scores, target[whole]),
    )  # fmt: skip


def version_of(sentences: Sequence[Sentence], packs_version: str = "") -> str:
    """The version a model trained from these sentences carries."""
    lines = "\n".join(f"{one.label}\t{one.weight}\t{one.text}" for one in sentences)
    return hashlib.sha256(lines.encode() + packs_version.encode()).hexdigest()[:8]


def _fold(group: str) -> int:
    return int(hashlib.sha256(group.encode()).hexdigest()[:8], 16) % _HELD_OUT


def _names(features: Features) -> list[str]:
    return [
        *("w " + gram for gram, _ in features.words),
        *("c " + gram for gram, _ in features.letters),
        *("f " + flag for flag in features.flags),
    ]


def _vocabulary(
    sentences: Sequence[Sentence], features: Sequence[Features], most: int
) -> tuple[list[str], np.ndarray]:
    """The groups found in several templates, the commonest first, and how telling each is."""
    in_groups: dict[str, set[str]] = {}
    counts: Counter[str] = Counter()
    for sentence, one in zip(sentences, features, strict=True):
        for name in _names(one):
            in_groups.setdefault(name, set()).add(sentence.group)
            counts[name] += 1
    flags = sorted(name for name in counts if name.startswith("f "))
    others = [
        name
        for name, groups in in_groups.items()
        if len(groups) >= _LEAST_GROUPS and not name.startswith("f ")
    ]
    others.sort(key=lambda name: (-len(in_groups[name]), name))
    grams = flags + sorted(others[:most])
    idf = np.array([np.log((1 + len(features)) / (1 + counts[name])) + 1 for name in grams])
    return grams, idf


def _matrix(features: Sequence[Features], index: dict[str, int], idf: np.ndarray) -> csr_matrix:
    """One row a sentence: two blocks of length one, and the flags at their own value."""
    rows: list[int] = []
    columns: list[int] = []
    values: list[float] = []
    for row, one in enumerate(features):
        for block, mark in ((one.words, "w "), (one.letters, "c ")):
            known = [index[mark + gram] for gram, _ in block if mark + gram in index]
            if not known:
                continue
            weights = idf[known]
            length = float(np.sqrt((weights**2).sum()))
            rows += [row] * len(known)
            columns += known
            values += list(weights / length)
        known = [index["f " + flag] for flag in one.flags if "f " + flag in index]
        rows += [row] * len(known)
        columns += known
        values += [FLAG_VALUE] * len(known)
    return csr_matrix((values, (rows, columns)), shape=(len(features), len(index)))


def _fit(table: csr_matrix, target: np.ndarray, weight: np.ndarray) -> LogisticRegression:
    model = LogisticRegression(C=_STRENGTH, max_iter=300, tol=1e-3)
    model.fit(table, target, sample_weight=weight)
    return model


def _loss(sharpness: float, scores: np.ndarray, target: np.ndarray) -> float:
    scaled = scores * sharpness
    scaled = scaled - scaled.max(axis=1, keepdims=True)
    shares = scaled - np.log(np.exp(scaled).sum(axis=1, keepdims=True))
    return float(-shares[np.arange(len(target)), target].mean())


def _sharpness(scores: np.ndarray, target: np.ndarray) -> float:
    """The factor on the scores that makes the probabilities fit what was held out (temperature scaling)."""
    found = minimize_scalar(_loss, bounds=(0.3, 3.0), args=(scores, target), method="bounded")
    return round(float(found.x), 3)
