"""Photos added in the talk of a record: a signal of the portal's form that belongs to the record and is never read.

So they are limited, made safe, opened and redacted like everything else that was sent along.
"""

from collections.abc import Sequence

from core import clock
from exceptions_app.models import ExceptionRecord, ReadingStatus, Signal, SignalReading
from exceptions_app.services.channels.attachments import Enclosure, enclose
from exceptions_app.services.channels.receive import receive_signal
from exceptions_app.services.channels.sources import source_of
from plant_app.models import User

#: The outcome of such a reading; lists of what was reported leave it out.
TALK = "talk"


def enclose_in_talk(
    *, exception: ExceptionRecord, author: User, key: str, text: str, enclosures: Sequence[Enclosure]
) -> Signal:
    """Keep `enclosures` with the record, in the caller's transaction; `key` is unique for this comment.

    The caller holds the exception's lock. The bytes are made safe by a worker, which then hints the record's page.
    """
    received = receive_signal(
        source=source_of(kind="form", site=exception.site), external_id=key, text=text, reporter=author,
        site=exception.site,
    )  # fmt: skip
    SignalReading.objects.filter(pk=received.reading.pk).update(
        status=ReadingStatus.READ, read_at=clock.now(), exception=exception, outcome=TALK
    )
    enclose(signal=received.signal, enclosures=enclosures)
    return received.signal
