"""Signals in, exception records, their story, and the affected functions' responses. Import from here."""

from exceptions_app.models.attachments import Attachment, AttachmentKind, AttachmentStatus
from exceptions_app.models.records import EventKind, ExceptionEvent, ExceptionLink, ExceptionRecord
from exceptions_app.models.responses import Response, ResponseStatus, Telling, TellingReason
from exceptions_app.models.signals import (
    Channel,
    Interpretation,
    ReadingStatus,
    Signal,
    SignalReading,
    Source,
)

__all__ = [
    "Attachment",
    "AttachmentKind",
    "AttachmentStatus",
    "Channel",
    "EventKind",
    "ExceptionEvent",
    "ExceptionLink",
    "ExceptionRecord",
    "Interpretation",
    "ReadingStatus",
    "Response",
    "ResponseStatus",
    "Signal",
    "SignalReading",
    "Source",
    "Telling",
    "TellingReason",
]
