"""The small linear model of the type: reads a shipped file of weights and says how likely each type is, and why.

Word and letter-group TF-IDF with logistic regression, after the usual definitions (smoothed inverse document frequency,
length one per block). Inference only, in numpy; the model is trained elsewhere, and no learning library is imported.
"""

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol
from zipfile import BadZipFile

import numpy as np

from exceptions_app.reading.features import Features

ARTIFACT = Path(__file__).resolve().parent / "artifacts" / "types.npz"
#: The label of what is real but none of the types, and of what opens nothing.
OTHER, NONE = "other", "none"
FORMAT = 1


@dataclass(frozen=True, slots=True)
class Opinion:
    """What the model makes of one message: probabilities, most likely first, and the words that speak for the first."""

    ranked: tuple[tuple[str, float], ...]
    because: tuple[tuple[int, int, float], ...]
    #: Share of the message's words the model has ever seen; an opinion on words it never saw is a guess.
    familiar: float = 1.0

    @property
    def best(self) -> str:
        """The most likely label."""
        return self.ranked[0][0]

    @property
    def sure(self) -> float:
        """Its probability."""
        return self.ranked[0][1]

    def of(self, label: str) -> float:
        """The probability of a label."""
        return next((value for name, value in self.ranked if name == label), 0.0)


class Model(Protocol):
    """Anything that says how likely each type is."""

    def __call__(self, features: Features) -> Opinion: ...


class TypeModel:
    """Weights in memory. Immutable once loaded; share it between messages and threads."""

    def __init__(self, parts: Mapping[str, Any]) -> None:
        about = json.loads(bytes(parts["about"]).decode())
        if about["format"] != FORMAT:
            raise ValueError(f"a type model of format {about['format']}, this release reads {FORMAT}")
        self.version: str = about["version"]
        self.labels: tuple[str, ...] = tuple(about["labels"])
        self.flag_value: float = about["flag_value"]
        self._bias = np.asarray(parts["bias"], dtype=np.float32)
        self._scale = np.asarray(parts["scale"], dtype=np.float32) * np.float32(about["sharpness"])
        self._bias = self._bias * np.float32(about["sharpness"])
        self._weights = np.asarray(parts["weights"], dtype=np.int8)
        self._idf = np.asarray(parts["idf"], dtype=np.float32)
        grams = bytes(parts["grams"]).decode().split("\n")
        self._index = {gram: index for index, gram in enumerate(grams)}

    def __call__(self, features: Features) -> Opinion:
        """Probabilities of every label for one message."""
        rows: list[int] = []
        values: list[float] = []
        owners: list[int] = []
        for block, mark in ((features.words, "w "), (features.letters, "c ")):
            found = [(self._index.get(mark + gram), owner) for gram, owner in block]
            known = [(row, owner) for row, owner in found if row is not None]
            if not known:
                continue
            weights = self._idf[[row for row, _ in known]]
            length = float(np.sqrt((weights * weights).sum())) or 1.0
            rows += [row for row, _ in known]
            values += [float(one) / length for one in weights]
            owners += [owner for _, owner in known]
        for flag in features.flags:
            row = self._index.get("f " + flag)
            if row is not None:
                rows.append(row)
                values.append(self.flag_value)
                owners.append(-1)
        each = self._weights[rows].astype(np.float32) * np.asarray(values, dtype=np.float32)[:, None]
        scores = self._bias + each.sum(axis=0) * self._scale
        odds = np.exp(scores - scores.max())
        shares = odds / odds.sum()
        order = np.argsort(-shares, kind="stable")
        ranked = tuple((self.labels[index], float(shares[index])) for index in order)
        because = self._because(features, each[:, order[0]] * self._scale[order[0]], owners)
        return Opinion(ranked, because, self._familiar(features))

    def _familiar(self, features: Features) -> float:
        words = [gram for gram, _ in features.words if " " not in gram and gram[:1].isalpha()]
        return sum(f"w {word}" in self._index for word in words) / len(words) if words else 1.0

    @staticmethod
    def _because(features: Features, parts: Any, owners: list[int]) -> tuple[tuple[int, int, float], ...]:
        """The words with the largest contribution, as places in the original."""
        by_word: dict[int, float] = {}
        for part, owner in zip(parts, owners, strict=True):
            if owner >= 0:
                by_word[owner] = by_word.get(owner, 0.0) + float(part)
        best = sorted(by_word.items(), key=lambda one: (-one[1], one[0]))[:3]
        return tuple(
            (features.tokens[owner].start, features.tokens[owner].end, round(value, 3))
            for owner, value in best
            if value > 0
        )


def load(data: bytes) -> TypeModel:
    """A model out of the bytes of its file. ValueError when it is none, or of another format."""
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as parts:
            return TypeModel({name: parts[name] for name in parts.files})
    except (OSError, KeyError, EOFError, ValueError, BadZipFile) as error:
        raise ValueError(f"no type model: {error}") from error


def packed(
    *, version: str, labels: tuple[str, ...], grams: list[str], idf: Any, weights: Any, bias: Any, flag_value: float,
    sharpness: float,
) -> bytes:  # fmt: skip
    """The bytes of a model's file; weights (one row a feature) are kept in 8 bits per label."""
    scale = np.maximum(np.abs(weights).max(axis=0), 1e-9) / 127.0
    about = {
        "format": FORMAT, "version": version, "labels": list(labels), "flag_value": flag_value, "sharpness": sharpness,
    }  # fmt: skip
    out = io.BytesIO()
    np.savez_compressed(
        out,
        about=np.frombuffer(json.dumps(about).encode(), dtype=np.uint8),
        grams=np.frombuffer("\n".join(grams).encode(), dtype=np.uint8),
        idf=np.asarray(idf, dtype=np.float16),
        weights=np.round(weights / scale).astype(np.int8),
        scale=scale.astype(np.float32),
        bias=np.asarray(bias, dtype=np.float32),
    )
    return out.getvalue()


@lru_cache(maxsize=1)
def shipped_model() -> TypeModel:
    """The model as shipped, loaded once per process."""
    return load(ARTIFACT.read_bytes())
