"""Reading one message: CPU with 25,000 names, beside a bare Aho-Corasick pass; the index; how well it reads."""

import json
import os
import time
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from itertools import product
from random import Random
from statistics import median, quantiles

from ahocorasick_rs import AhoCorasick

from bench.registry import Row, compare, figure
from evaluation import proxies
from exceptions_app.reading.master import MasterCode, MasterIndex
from exceptions_app.reading.normalise import key_of, normalise
from exceptions_app.reading.pipeline import interpret
from exceptions_app.reading.types import ReadingContext
from exceptions_app.services.evaluation import Master, Report, evaluate, read_gold, read_master, score
from exceptions_app.services.evaluation.gold import LINKS
from exceptions_app.services.evaluation.master import LISTS
from execlayer.launcher.options import ROOT

ROUNDS = 3
NOW = datetime(2026, 11, 23, 9, 42, tzinfo=UTC)
FOLDER = ROOT / "evaluation" / "capture"
PLANTS = ("brandt", "ebro")
_FIRST = (
    "bracket", "housing", "shaft", "flange", "gear", "cover", "bearing", "hose", "plate", "bushing", "piston", "spring",
    "nozzle", "Gehäuse", "Dichtung", "Welle", "soporte", "carcasa", "tampa", "uszczelka",
)  # fmt: skip
_SECOND = (
    "left", "right", "short", "long", "zinc", "black", "steel", "alu", "brass", "grey", "heavy", "light", "inner",
    "outer", "front", "rear",
)  # fmt: skip


@figure("reading a message with 25,000 names")
def reading() -> Iterable[Row]:
    """CPU of the whole interpretation over the open part of the gold set, p50 and p95; the index itself."""
    texts = [json.loads(line)["text"] for plant in PLANTS for line in _lines(plant)]
    rows = names()
    began, before = time.process_time(), _resident_mb()
    index = MasterIndex(rows)
    built, grown = (time.process_time() - began) * 1000, _resident_mb() - before
    words = sorted({key_of(name) for row in rows for name in (row.code, row.name, *row.aliases) if name})
    began = time.process_time()
    bare = AhoCorasick(words)
    built_bare = (time.process_time() - began) * 1000
    folded = [normalise(text).key for text in texts]
    context = ReadingContext(site_code="S1", language="en", timezone="Europe/Berlin")

    def whole(place: int) -> object:
        return interpret(texts[place], master=index, context=context, received_at=NOW)

    def scan(place: int) -> object:
        return bare.find_matches_as_indexes(folded[place], overlapping=True)

    for place in range(len(texts)):
        whole(place)  # grammars, packs and the model are loaded once per process
    mine, peer = _series(len(texts), whole, scan)
    against = "bare Aho-Corasick pass over the folded text"
    yield compare(
        "message read, CPU p50", "µs", [one[0] for one in mine], f"{against}, p50", [one[0] for one in peer]
    )
    yield compare(
        "message read, CPU p95", "µs", [one[1] for one in mine], f"{against}, p95", [one[1] for one in peer]
    )
    yield Row(
        f"index of {len(words):,} names built",
        built,
        "ms CPU",
        "bare automaton of the same names",
        built_bare,
    )
    yield Row(f"index of {len(words):,} names in memory", grown, "MB")


@figure("how well the gold set is read (open part)")
def gold() -> Iterable[Row]:
    """Macro-F1 by type, links, and what was accepted wrongly; per plant. The held-back part is not touched."""
    for plant in PLANTS:
        figures = _report(plant).as_json()
        yield Row(f"{plant}: type macro-F1", 100 * figures["type"]["macro_f1"], "%")
        yield Row(f"{plant}: link precision", 100 * figures["links"]["precision"], "%")
        yield Row(f"{plant}: link recall", 100 * figures["links"]["recall"], "%")
        yield Row(f"{plant}: accepted by itself, but wrong", 100 * figures["auto"]["error"], "%")


@figure("the reader's features on published corpora")
def published() -> Iterable[Row]:
    """MaintIE in five-fold cross-validation and MaintNorm's identifiers, where the corpora lie beside the checkout."""
    if proxies.MAINTIE.exists():
        yield Row("MaintIE macro-F1, five folds", 100 * proxies.maintie_macro_f1(), "%", "must hold", 90)
    else:
        print(f"  {proxies.MAINTIE.name} is not here, left out", flush=True)
    if proxies.MAINTNORM.exists():
        found = proxies.maintnorm_identifiers()
        yield Row("MaintNorm identifier precision", 100 * found.precision, "%", "must hold", 99)
        yield Row("MaintNorm identifier recall", 100 * found.recall, "%")
    else:
        print(f"  {proxies.MAINTNORM.name} is not here, left out", flush=True)


def names() -> list[MasterCode]:
    """25,000 codes, names and aliases as a large plant has them; always the same."""
    dice = Random(118204)
    rows: list[MasterCode] = []
    for line, number in product(range(1, 41), range(1, 11)):
        rows.append(
            MasterCode("work_unit", f"M{line:02d}-{number:02d}", f"Machine {line}-{number}", len(rows), "S1",
                       (f"press {line * 100 + number}",), f"L-{line:02d}")
        )  # fmt: skip
    for number in range(4000):
        name = f"{dice.choice(_FIRST)} {dice.choice(_SECOND)} {dice.choice(_SECOND)} {number}"
        rows.append(
            MasterCode(
                "item", f"{dice.randrange(10, 99)}.{number:05d}", name, len(rows), "", (f"{name} kit",)
            )
        )
    rows += [MasterCode("work_order", f"WO-{400000 + number}", "", number, "S1") for number in range(5000)]
    rows += [MasterCode("sales_order", f"SO-{55000 + number}", "", number, "S1") for number in range(2500)]
    rows += [MasterCode("purchase_order", f"PO-{88000 + number}", "", number, "S1") for number in range(2500)]
    rows += [MasterCode("lot", f"L26{number:05d}", "", number, "S1") for number in range(1300)]
    rows += [
        MasterCode(
            "customer",
            f"CU-{number:04d}",
            f"{dice.choice(_SECOND)} {dice.choice(_FIRST)} {number} Ltd",
            number,
        )
        for number in range(250)
    ]
    return rows + [row for plant in PLANTS for row in _of_plant(plant)]


def _of_plant(plant: str) -> Iterable[MasterCode]:
    """The names the messages themselves speak of."""
    master = _master(plant)
    for name, (kind, _) in LISTS.items():
        for row in master.rows[name]:
            called = (
                ""
                if kind in ("sales_order", "purchase_order", "work_order", "lot")
                else str(row.get("name", ""))
            )
            yield MasterCode(kind, row["code"], called, 0, "S1", tuple(row.get("aliases", ())))


def _master(plant: str) -> Master:
    return read_master(json.loads((FOLDER / f"{plant}.master.json").read_text(encoding="utf-8")))


def _lines(plant: str) -> list[str]:
    return (FOLDER / f"{plant}.dev.jsonl").read_text(encoding="utf-8").splitlines()


def _report(plant: str) -> Report:
    master = _master(plant)
    messages, _ = read_gold(_lines(plant), zone=master.zone, now=NOW)
    answers = evaluate(messages=messages, master=master).answers
    return score(answers, codes={kind: master.codes(kind) for kind in LINKS}, zone=master.zone)


Percentiles = list[tuple[float, float]]


def _series(
    count: int, mine: Callable[[int], object], peer: Callable[[int], object]
) -> tuple[Percentiles, Percentiles]:
    """(p50, p95) in microseconds of CPU of both, round by round in turn."""
    rounds: tuple[Percentiles, Percentiles] = ([], [])
    for _ in range(ROUNDS):
        for work, kept in zip((mine, peer), rounds, strict=True):
            kept.append(_percentiles([_cpu_us(work, place) for place in range(count)]))
    return rounds


def _cpu_us(work: Callable[[int], object], place: int) -> float:
    began = time.process_time()
    work(place)
    return (time.process_time() - began) * 1e6


def _percentiles(taken: Sequence[float]) -> tuple[float, float]:
    return median(taken), quantiles(taken, n=20)[18]


def _resident_mb() -> float:
    with open("/proc/self/statm", encoding="ascii") as file:  # noqa: PTH123
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20
