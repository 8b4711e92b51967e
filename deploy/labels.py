"""The catalogues of translated labels: `update` gathers what the source says, `check` refuses what is not translated.

Reads templates, Python, scripts and the shipped words of the plant; writes `locale/<code>/LC_MESSAGES/*.po` and the
compiled `*.mo` beside them, which are committed, so that no installation needs gettext's tools. Translators edit the
`.po` files and run `update`. Exit status 1 from `check` names each label that is missing, empty, stale or not compiled.
"""

import io
import sys
import tomllib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import django
from babel.messages.catalog import Catalog
from babel.messages.extract import extract
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po
from django.conf import settings
from django.utils.translation.template import templatize

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
from core.languages import LANGUAGES, SOURCE  # noqa: E402 - the checkout is not installed

PACKAGES = (
    "core", "plant_app", "routing_app", "erp_sync", "exceptions_app", "decisions_app", "notify_app", "sequence_app",
    "metrics_app", "boards_app",
)  # fmt: skip
KEYWORDS: dict[str, Any] = {
    "_": None, "gettext": None, "gettext_lazy": None, "gettext_noop": None, "ngettext": (1, 2),
    "pgettext": ((1, "c"), 2), "pgettext_lazy": ((1, "c"), 2), "npgettext": ((1, "c"), 2, 3),
}  # fmt: skip
#: Shipped data whose words people read, and the keys the words lie under.
SHIPPED = {"decisions_app/defaults/*.toml": {"label", "title", "words", "unit_words"}}
MOMENT = datetime(2026, 1, 1, tzinfo=UTC)
HEADER = (
    "# Labels of the execution layer. deploy/labels.py update gathers them; translators edit msgstr lines.\n#"
)


def main(verb: str) -> int:
    """Run `update` or `check`; the exit status."""
    settings.configure(USE_I18N=True)
    django.setup()
    wrong: list[str] = []
    for domain, gathered in (("django", _said_by_pages()), ("djangojs", _said_by_scripts())):
        wanted = dict(gathered)
        for code, _name in LANGUAGES:
            if code != SOURCE:
                wrong += _one(verb, domain, code, wanted)
    for line in wrong:
        print(line)
    return 1 if wrong else 0


def _one(
    verb: str, domain: str, code: str, wanted: dict[tuple[str | None, str], tuple[Any, list[str]]]
) -> list[str]:
    path = ROOT / "locale" / code / "LC_MESSAGES" / f"{domain}.po"
    old = read_po(io.BytesIO(path.read_bytes()), locale=code) if path.exists() else Catalog(locale=code)
    # one moment for all: the same labels make the same file, whenever they were gathered
    new = Catalog(
        locale=code, project="Execution layer", version="1", charset="utf-8", header_comment=HEADER,
        creation_date=MOMENT, revision_date=MOMENT, last_translator="", language_team="", fuzzy=False,
    )  # fmt: skip
    missing = []
    for (context, first), (message, places) in sorted(
        wanted.items(), key=lambda one: (one[0][1], one[0][0] or "")
    ):
        before = old.get(first, context)
        said = before.string if before is not None else ""
        plural = isinstance(message, tuple)
        if plural != isinstance(said, tuple | list):
            said = ("",) * new.num_plurals if plural else ""
        new.add(message, said, locations=[(place, None) for place in places], context=context)
        if not (all(said) if plural else said):
            missing.append(f"{path.relative_to(ROOT)}: not translated: {first!r}")
    text, compiled = io.BytesIO(), io.BytesIO()
    write_po(text, new, width=0, include_lineno=False, ignore_obsolete=True)
    write_mo(compiled, new)
    binary = path.with_suffix(".mo")
    if verb == "update":
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.getvalue())
        binary.write_bytes(compiled.getvalue())
        return missing
    stale = not path.exists() or path.read_bytes() != text.getvalue()
    behind = not binary.exists() or binary.read_bytes() != compiled.getvalue()
    if stale or behind:
        missing.append(f"{path.relative_to(ROOT)}: not what the source says now, run deploy/labels.py update")
    return missing


Found = Iterator[tuple[tuple[str | None, str], tuple[Any, list[str]]]]


def _gathered(sources: Iterator[tuple[str, str, bytes]]) -> Found:
    found: dict[tuple[str | None, str], tuple[Any, list[str]]] = {}
    for place, method, text in sources:
        for _line, message, _comments, context in extract(
            method, io.BytesIO(text), keywords=KEYWORDS | {"say": None}
        ):
            first = message[0] if isinstance(message, tuple) else message
            if first:
                kept, places = found.setdefault((context, first), (message, []))
                if isinstance(message, tuple) and not isinstance(kept, tuple):
                    found[context, first] = (message, places)
                if place not in places:
                    places.append(place)
    yield from found.items()


def _said_by_pages() -> Found:
    return _gathered(_page_sources())


def _page_sources() -> Iterator[tuple[str, str, bytes]]:
    for path in sorted((ROOT / "templates").rglob("*")):
        if path.suffix in {".html", ".txt"} and "admin" not in path.parts:
            place = str(path.relative_to(ROOT))
            yield place, "python", templatize(path.read_text(), origin=place).encode()
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            if "migrations" not in path.parts:
                yield str(path.relative_to(ROOT)), "python", path.read_bytes()
    for pattern, keys in SHIPPED.items():
        for path in sorted(ROOT.glob(pattern)):
            words = _words_under(tomllib.loads(path.read_text()), keys)
            calls = "\n".join(f"_({word!r})" for word in words)
            yield str(path.relative_to(ROOT)), "python", calls.encode()


def _words_under(node: Any, keys: set[str]) -> Iterator[str]:
    if isinstance(node, dict):
        for name, value in node.items():
            if name in keys and isinstance(value, str):
                yield value
            else:
                yield from _words_under(value, keys)
    elif isinstance(node, list):
        for value in node:
            yield from _words_under(value, keys)


def _said_by_scripts() -> Found:
    scripts = sorted((ROOT / "static" / "js").glob("*.js"))
    return _gathered((str(path.relative_to(ROOT)), "javascript", path.read_bytes()) for path in scripts)


if __name__ == "__main__":
    if sys.argv[1:] not in (["update"], ["check"]):
        sys.exit("usage: deploy/labels.py update|check")
    sys.exit(main(sys.argv[1]))
