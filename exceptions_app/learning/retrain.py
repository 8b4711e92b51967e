"""The process in which a site's reader is trained anew: a document in on stdin, a model's file and figures out.

`python -m exceptions_app.learning.retrain OUT` reads {names, sentences} as JSON and writes the model to OUT, its
figures to stdout. Stands alone, so that the memory and the library of learning never live in a web or worker process.
"""

import json
import sys
from pathlib import Path
from typing import Any

from exceptions_app.learning.sentences import LABELS, Sentence, authored, from_packs
from exceptions_app.learning.train import read_features, train
from exceptions_app.reading.master import MasterCode, MasterIndex
from exceptions_app.reading.model import OTHER

#: What one corrected message counts beside an authored sentence.
WEIGHT = 4.0


def retrain(document: dict[str, Any], *, most_authored: int | None = None) -> tuple[bytes, dict[str, Any]]:
    """The model's bytes and its figures. `most_authored` bounds the authored sentences (evenly thinned), for trials."""
    shipped = [*authored(), *from_packs()]
    if most_authored is not None and len(shipped) > most_authored:
        step = len(shipped) / most_authored
        shipped = [shipped[int(place * step)] for place in range(most_authored)]
    mine = [
        Sentence(
            str(one["text"]), str(one["label"]) if one["label"] in LABELS else OTHER, str(one["language"] or "en"),
            f"correction/{one['key']}", WEIGHT,
        )
        for one in document["sentences"]
    ]  # fmt: skip
    index = MasterIndex(
        MasterCode(kind, code, name, aliases=tuple(aliases))
        for kind, code, name, aliases in document["names"]
    )
    # twice under two names: a word of a single correction is a word of the plant, not noise of one template
    again = [Sentence(one.text, one.label, one.language, f"{one.group}/again", WEIGHT) for one in mine]
    features = [*read_features(shipped), *2 * read_features(mine, master=index)]
    done = train([*shipped, *mine, *again], features, packs_version="corrections")
    figures = {
        "version": done.version, "sentences": len(shipped), "corrections": len(mine),
        "templates_accuracy": round(done.accuracy, 4), "templates_macro_f1": round(done.macro_f1, 4),
    }  # fmt: skip
    return done.data, figures


def main() -> None:
    """Train, write, report."""
    document = json.load(sys.stdin)
    data, figures = retrain(document, most_authored=document.get("most_authored"))
    Path(sys.argv[1]).write_bytes(data)
    json.dump(figures, sys.stdout)


if __name__ == "__main__":
    main()
