"""What can be wrong with EDI: answers that do not go out, partners that are not set up, folders nobody can read."""

import os
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path

from core import clock
from core.doctor import Finding, Level, check
from exceptions_app.channels.edi import ADAPTER
from exceptions_app.channels.edi.partners import mistakes
from exceptions_app.models import EdiDocument, EdiState, Source

PATIENCE = timedelta(minutes=15)


@check
def unsent_documents() -> Iterable[Finding]:
    """What a partner is owed goes out within minutes."""
    failed = EdiDocument.objects.filter(state=EdiState.FAILED).count()
    late = EdiDocument.objects.filter(state=EdiState.QUEUED, created_at__lt=clock.now() - PATIENCE)
    count = failed + late.count()
    if count:
        first = EdiDocument.objects.filter(state=EdiState.FAILED).first() or late.first()
        why = f": {first.error}" if first is not None and first.error else ""
        yield Finding(
            "XL-E060", Level.ERROR, f"{count} EDI documents could not be sent{why}"[:300],
            "Mend what the document's page in the admin names, then send it again there.", count=count,
        )  # fmt: skip


@check
def edi_settings() -> Iterable[Finding]:
    """Every partner is named with its customer, and every folder can be used."""
    for source in Source.objects.filter(adapter=ADAPTER.code, active=True).order_by("pk"):
        wrong = mistakes(source.config)
        if wrong:
            yield Finding(
                "XL-E061", Level.WARNING, f"EDI source {source.code}: {' '.join(wrong)}",
                "Mend the trading partners of the source, in the admin under Sources.",
            )  # fmt: skip
        folder = str(source.config.get("folder") or "")
        if folder and Path(folder).exists() and not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
            yield Finding(
                "XL-E062", Level.ERROR, f"EDI source {source.code}: {folder} cannot be read and written",
                "Let the worker's user read and write the folder, or name another one.",
            )  # fmt: skip
