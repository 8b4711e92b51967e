"""The nightly trained reader: trained in a process of its own, judged by corrections it never saw, promoted if better.

Owns the rows of `ReaderModel` and which of them is in use. Every process picks the one in use up by version with its
next message. Going back is one act. Must not know how training works.
"""

import hashlib
import json
import logging
import subprocess
import sys
import tempfile
from datetime import timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import IntegrityError, transaction

from core import clock
from core.errors import InvalidInput, NotAllowed, NotFound
from exceptions_app.models import ModelStatus, ReaderModel
from exceptions_app.reading.master import MasterIndex
from exceptions_app.reading.model import load
from exceptions_app.services.channels.index import current_index
from exceptions_app.services.learning.checking import Checked, check_corrections
from exceptions_app.services.learning.examples import Example, examples_of, right, shipped_check
from exceptions_app.services.learning.knowledge import knowledge_of
from plant_app.models import Site, User
from plant_app.selectors import can, master_rows

logger = logging.getLogger(__name__)

#: Below so many corrections to learn from, or to judge by, nothing is trained.
LEAST_ROWS = 40
LEAST_HELD_OUT = 10
#: Hours between two trainings of a site, and the plant-local hours in which they begin.
APART = timedelta(hours=20)
NIGHT = range(1, 5)
PATIENCE_SECONDS = 1800
#: A training that has not ended after this was killed.
_GIVEN_UP = timedelta(hours=2)


def sites_due() -> list[Site]:
    """Sites where it is night and nothing was trained since yesterday. Two queries."""
    now = clock.now()
    lately = set(ReaderModel.objects.filter(trained_at__gt=now - APART).values_list("site_id", flat=True))
    return [
        site
        for site in Site.objects.order_by("pk")
        if site.pk not in lately and now.astimezone(ZoneInfo(site.timezone)).hour in NIGHT
    ]


_children: list["subprocess.Popen[bytes]"] = []


def start_training() -> int:
    """Start a process that trains the sites that are due; returns how many those are. Does not wait for it."""
    _children[:] = [child for child in _children if child.poll() is None]
    due = sites_due()
    if due and not _children:
        manage = Path(settings.BASE_DIR) / "manage.py"
        _children.append(
            subprocess.Popen(
                [sys.executable, str(manage), "retrain_readers", "--due"], cwd=settings.BASE_DIR,
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            )
        )  # fmt: skip
    return len(due)


def retrain(*, site: Site, most_authored: int | None = None) -> ReaderModel:
    """Train the site's reader from its corrections, judge it, and promote it where it is better; returns its row.

    The row says what came of it: too few corrections, not better, failed (why), or in use. Runs for minutes, in a
    process of its own; no transaction is open meanwhile. One training of a site at a time: a second call returns the
    first one's row. `most_authored` bounds the shipped sentences it also learns from.
    """
    row, begun = _begin(site)
    if not begun:
        return row
    examples = examples_of(site)
    learn, judge = [one for one in examples if not one.held_out], [one for one in examples if one.held_out]
    row.rows, row.held_out = len(learn), len(judge)
    if len(learn) < LEAST_ROWS or len(judge) < LEAST_HELD_OUT:
        missing = max(LEAST_ROWS - len(learn), LEAST_HELD_OUT - len(judge))
        note = f"{len(examples)} corrections: about {missing} more are needed before training says anything."
        return _settle(row, ModelStatus.TOO_FEW, note)
    try:
        data, figures = _train(learn, most_authored)
        fresh = load(data)
    except (subprocess.SubprocessError, OSError, ValueError) as error:
        return _settle(row, ModelStatus.FAILED, f"{type(error).__name__}: {_last_line(error)}")
    row.data, row.sha256 = data, hashlib.sha256(data).hexdigest()
    index = current_index()
    known = knowledge_of(index.version)
    name, current = known.model_of(site.code)
    packs, check = known.packs_of(site.code), shipped_check()
    bare = MasterIndex([])

    def score(model: Any) -> dict[str, int]:
        return {
            "held_out": right(judge, model, master=index, packs=packs, site_code=site.code),
            "shipped": right(check, model, master=bare, packs=packs, site_code=site.code),
        }

    before, after = score(current), score(fresh)
    row.figures = {
        **figures, "against": name or "shipped", "before": before, "after": after, "held_out": len(judge),
        "shipped": len(check),
    }  # fmt: skip
    better = after["held_out"] > before["held_out"] and after["shipped"] >= before["shipped"]
    said = (
        f"{after['held_out']} of {len(judge)} held-out corrections right, {before['held_out']} before; "
        f"{after['shipped']} of {len(check)} shipped ones, {before['shipped']} before."
    )
    if not better:
        return _settle(row, ModelStatus.NOT_BETTER, said)
    row.note = said
    with transaction.atomic():
        row.save()
        return _put_into_use(row, None)


@transaction.atomic
def promote(*, model_id: int, actor: User) -> ReaderModel:
    """Put a trained reader into use by hand: also the way back to an earlier one. Read by from the next message.

    NotAllowed; InvalidInput `learning.model` for one that was never trained. Locks the site's trained readers.
    """
    row = ReaderModel.objects.select_related("site").filter(pk=model_id).first()
    if row is None:
        raise NotFound("learning.model", "There is no such reader.")
    _allowed(actor, row.site_id)
    if not row.data:
        raise InvalidInput("learning.model", f"{row.version} has nothing to read with: it was not trained.")
    return _put_into_use(row, actor)


@transaction.atomic
def use_shipped(*, site: Site, actor: User) -> None:
    """Go back to the reader as shipped. NotAllowed. Locks the site's trained readers."""
    _allowed(actor, site.pk)
    for row in ReaderModel.objects.select_for_update(no_key=True, of=("self",)).filter(
        site=site, status=ModelStatus.PROMOTED
    ):
        row.status = ModelStatus.RETIRED
        row.save(update_fields=["status"])


def _allowed(actor: User, site_id: int) -> None:
    if not (can(actor, "plant.edit", site_id) or can(actor, "exception.merge", site_id)):
        raise NotAllowed("learning.not_allowed", "You may not change the reader.", "Ask an administrator.")


def _begin(site: Site) -> tuple[ReaderModel, bool]:
    """A row of its own for this training, unless one is running; a row that only said "too few" is used again."""
    now = clock.now()
    with transaction.atomic():
        Site.objects.select_for_update(no_key=True).get(pk=site.pk)
        running = ReaderModel.objects.filter(
            site=site, status=ModelStatus.TRAINING, trained_at__gt=now - _GIVEN_UP
        ).first()
        if running is not None:
            return running, False
        ReaderModel.objects.filter(site=site, status=ModelStatus.TRAINING).update(
            status=ModelStatus.FAILED, note="the training was ended from outside"
        )
        newest = ReaderModel.objects.filter(site=site).first()
        if newest is not None and newest.status == ModelStatus.TOO_FEW:
            newest.status, newest.trained_at = ModelStatus.TRAINING, now
            newest.save(update_fields=["status", "trained_at"])
            return newest, True
        count = ReaderModel.objects.filter(site=site).count() + 1
        version = f"{site.code}-{now.astimezone(ZoneInfo(site.timezone)):%y%m%d}-{count}"
        return ReaderModel.objects.create(site=site, version=version, trained_at=now), True


def note_checked(row: ReaderModel) -> Checked:
    """Read the site's corrections again and keep the counts on the training's row; what broke is logged."""
    found = check_corrections(site=row.site)
    row.figures = {**row.figures, "checked": {"messages": found.messages, **found.counts}}
    row.save(update_fields=["figures"])
    for case in found.broke:
        logger.warning("%s: %s was read right and is not any more", case.ref, case.field)
    return found


def _settle(row: ReaderModel, status: ModelStatus, note: str) -> ReaderModel:
    row.status, row.note = status, note[:300]
    row.save()
    return row


def _put_into_use(row: ReaderModel, actor: User | None) -> ReaderModel:
    """The one in use steps back, this one takes its place. The caller is inside a transaction."""
    Site.objects.select_for_update(no_key=True).get(pk=row.site_id)
    ReaderModel.objects.filter(site=row.site_id, status=ModelStatus.PROMOTED).exclude(pk=row.pk).update(
        status=ModelStatus.RETIRED
    )
    row.status, row.promoted_at, row.promoted_by = ModelStatus.PROMOTED, clock.now(), actor
    try:
        with transaction.atomic():
            row.save(update_fields=["status", "promoted_at", "promoted_by"])
    except IntegrityError:
        raise InvalidInput(
            "learning.model", "Another reader was put into use meanwhile.", "Look again."
        ) from None
    return row


def _train(learn: list[Example], most_authored: int | None) -> tuple[bytes, dict[str, Any]]:
    """Run the training process; its model and figures."""
    document = {
        "names": [[row.kind, row.code, row.name, list(row.aliases)] for row in master_rows()],
        "sentences": [
            {"key": one.key, "text": one.text, "label": one.label, "language": one.language} for one in learn
        ],
        "most_authored": most_authored,
    }
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "model.npz"
        done = subprocess.run(
            [sys.executable, "-m", "exceptions_app.learning.retrain", str(out)],
            input=json.dumps(document), capture_output=True, text=True, check=True, timeout=PATIENCE_SECONDS,
            cwd=settings.BASE_DIR,
        )  # fmt: skip
        return out.read_bytes(), json.loads(done.stdout)


def _last_line(error: Exception) -> str:
    said = getattr(error, "stderr", "") or str(error)
    return str(said).strip().splitlines()[-1][:200] if str(said).strip() else ""
