"""The catalogues of translated labels: `update` gathers what the source says, `check` refuses what is not translated.

Reads templates, Python, scripts and the shipped words of the plant; writes `locale/<code>/LC_MESSAGES/*.po` and the
compiled `*.mo` beside them, which are committed, so that no installation needs gettext's tools. Translators edit the
`.po` files and run `update`. Exit status 1 from `check` names each label that is missing, empty, stale or not compiled.
"""

import ast
import io
import sys
import tomllib
from collections.abc import Iterable, Iterator
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
from boards_app.wording import LOOKS  # noqa: E402 - the checkout is not installed
from core.languages import LANGUAGES, SOURCE  # noqa: E402
from decisions_app.reversals import POSTINGS  # noqa: E402
from erp_sync.kinds import KIND_NAMES  # noqa: E402
from plant_app.defaults.catalogue import CATALOGUE  # noqa: E402
from plant_app.defaults.functions import FUNCTIONS  # noqa: E402
from plant_app.defaults.reasons import REASONS  # noqa: E402

PACKAGES = (
    "core", "plant_app", "routing_app", "erp_sync", "exceptions_app", "decisions_app", "notify_app", "sequence_app",
    "metrics_app", "boards_app",
)  # fmt: skip
KEYWORDS: dict[str, Any] = {
    "_": None, "gettext": None, "gettext_lazy": None, "gettext_noop": None, "ngettext": (1, 2),
    "pgettext": ((1, "c"), 2), "pgettext_lazy": ((1, "c"), 2), "npgettext": ((1, "c"), 2, 3),
}  # fmt: skip
#: Shipped data whose words people read, and the keys the words lie under.
SHIPPED = {"decisions_app/defaults/*.toml": {"label", "title", "words", "unit_words", "when", "root_causes"}}
#: Stored states whose words pages show as they are: file, and the choices in it.
CHOICES = {
    "plant_app/models/access.py": {"AccessRole"},
    "plant_app/models/people.py": {"Duty", "AbsenceKind"},
    "plant_app/models/roster.py": {"PresenceKind"},
    "notify_app/models/notices.py": {"NoticeStatus"},
    "exceptions_app/models/records.py": {"EventKind"},
    "exceptions_app/models/edi.py": {"EdiState"},
    "exceptions_app/models/responses.py": {"ResponseStatus", "TellingReason"},
    "decisions_app/models/approvals.py": {"ApprovalWhy", "ApprovalStatus"},
    "decisions_app/models/decisions.py": {"CheckResult"},
    "sequence_app/models.py": {"OverrideReason"},
    "erp_sync/models/postings.py": {"HELD_CHOICES"},
}
MOMENT = datetime(2026, 1, 1, tzinfo=UTC)
#: Tables of words beside codes: file, and the names they stand under.
TABLES = {
    "boards_app/selectors/record/head.py": {"_CLEARED"},
    "boards_app/selectors/record/books.py": {"_NEXT"},
    "boards_app/selectors/record/deciding.py": {"_WHEN"},
    "boards_app/selectors/record/story.py": {"_LEADS", "_VIA"},
    "boards_app/selectors/record/talk.py": {"_CHANNELS"},
    "boards_app/selectors/record/order_lines.py": {"_WORDS", "_NAMES", "_KINDS"},
    "boards_app/selectors/reported.py": {"FIELDS", "METHODS", "_WHERE"},
    "boards_app/selectors/attached.py": {"_WAITS"},
    "erp_sync/services/moves.py": {"REFUSAL_HINTS"},
    "erp_sync/services/operating.py": {"_NOT_NOW"},
}
#: Where refusals people meet most are raised: their sentences and cures.
REFUSALS = (
    "boards_app/views/actions.py", "boards_app/views/exception.py", "boards_app/selectors/dialogs.py",
    "boards_app/selectors/dialogs_after.py", "boards_app/selectors/workbench.py", "boards_app/views/postings.py",
    "boards_app/views/comparison.py",
    "boards_app/views/workbench.py", "decisions_app/deciders.py", "decisions_app/inputs.py",
    "decisions_app/services/approvals.py", "decisions_app/services/asked.py", "decisions_app/services/causes.py",
    "decisions_app/services/closing.py", "decisions_app/services/deciding.py", "decisions_app/services/finishing.py",
    "decisions_app/services/merging.py", "decisions_app/services/talk.py", "decisions_app/services/tasks.py",
    "decisions_app/services/undoing.py", "erp_sync/services/bulk.py", "erp_sync/services/by_hand.py",
    "erp_sync/services/caring.py",
    "erp_sync/services/drifting.py", "erp_sync/services/judging.py", "erp_sync/services/moves.py",
    "erp_sync/services/operating.py", "erp_sync/services/releasing.py", "erp_sync/services/withdrawing.py",
    "exceptions_app/selectors.py", "exceptions_app/services/records/moves.py",
    "exceptions_app/services/records/suppression.py", "exceptions_app/services/records/triage.py",
    "exceptions_app/services/responses/answers.py", "exceptions_app/services/responses/asking.py",
    "plant_app/permissions.py", "plant_app/throttling.py", "plant_app/services/access.py",
    "plant_app/services/codes.py", "plant_app/services/progress.py", "plant_app/services/roster.py",
    "sequence_app/services/answering.py",
)  # fmt: skip
REFUSED = {"InvalidInput", "NotAllowed", "NotFound", "StaleVersion", "TooMany", "TransitionRefused"}
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
            method, io.BytesIO(text), keywords=KEYWORDS | ({"say": None} if method == "javascript" else {})
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
            shipped = tomllib.loads(path.read_text())
            yield _words_of(path.relative_to(ROOT), [*_words_under(shipped, keys), *_options(shipped)])
    for file, classes in CHOICES.items():
        yield _words_of(file, _choices((ROOT / file).read_text(), classes))
    for file in REFUSALS:
        yield _words_of(file, _refusals((ROOT / file).read_text()))
    for file, names in TABLES.items():
        yield _words_of(file, _table((ROOT / file).read_text(), names))
    yield _words_of(
        "boards_app/wording.py", [one.words for looks in LOOKS.values() for one in looks.values()]
    )
    yield _words_of("decisions_app/reversals.py", [one.words for one in POSTINGS.values()])
    yield _words_of("erp_sync/kinds.py", KIND_NAMES.values())
    yield _words_of("plant_app/defaults/functions.py", [name for _code, name, _short in FUNCTIONS])
    yield _words_of(
        "plant_app/defaults/reasons.py", [name for rows in REASONS.values() for _, name, _ in rows]
    )
    yield _words_of(
        "plant_app/defaults/catalogue.py",
        [word for one in CATALOGUE for word in (one.name, *_words_under(one.form, {"label", "help"}))],
    )


def _words_of(place: object, words: Iterable[str]) -> tuple[str, str, bytes]:
    return str(place), "python", "\n".join(f"_({word!r})" for word in words if word).encode()


def _options(shipped: dict[str, Any]) -> Iterator[str]:
    """Options are labelled by their `name`, which elsewhere in those files is an identifier."""
    for node in (shipped, *(one for one in shipped.values() if isinstance(one, dict))):
        for option in node.get("options", ()):
            yield option["name"]
            for asked in option.get("inputs", ()):
                yield from (str(one).replace("_", " ").capitalize() for one in asked.get("choices", ()))


def _refusals(source: str) -> Iterator[str]:
    """The constant sentences of refusals: what is wrong, and the cure."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") in REFUSED:
            for said in node.args[1:3]:
                if isinstance(said, ast.Constant) and isinstance(said.value, str):
                    yield said.value


def _table(source: str, names: set[str]) -> Iterator[str]:
    """Every word among the values of the named tables, read without running the module."""
    for node in ast.parse(source).body:
        named = [node.target] if isinstance(node, ast.AnnAssign) else getattr(node, "targets", [])
        if any(getattr(one, "id", "") in names for one in named):
            value: Any = getattr(node, "value", None)
            for part in value.values if isinstance(value, ast.Dict) else [value]:
                words = ast.literal_eval(part)
                yield from (words,) if isinstance(words, str) else words


def _choices(source: str, classes: set[str]) -> Iterator[str]:
    """The labels of TextChoices, read without loading any model."""
    for node in ast.parse(source).body:
        if isinstance(node, ast.ClassDef) and node.name in classes:
            rows: list[Any] = [line.value for line in node.body if isinstance(line, ast.Assign)]
        elif isinstance(node, ast.Assign) and any(getattr(one, "id", "") in classes for one in node.targets):
            rows = list(getattr(node.value, "elts", []))
        else:
            continue
        for row in rows:
            if isinstance(row, ast.Tuple):
                yield ast.literal_eval(row.elts[1])


def _words_under(node: Any, keys: set[str]) -> Iterator[str]:
    if isinstance(node, dict):
        for name, value in node.items():
            if name in keys and isinstance(value, str):
                yield value
            elif name in keys and isinstance(value, list) and all(isinstance(one, str) for one in value):
                yield from value
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
