"""Signals in, exception records, their story, and the affected functions' responses. Import from here."""

from exceptions_app.models.advice import AdviceStatus, AnswerFormat, LanguageModel, ReadingAdvice
from exceptions_app.models.attachments import Attachment, AttachmentKind, AttachmentStatus
from exceptions_app.models.census import Census, CensusEntry, CensusFile, CensusKind, CensusStatus
from exceptions_app.models.edi import EdiCounter, EdiDocument, EdiInterchange, EdiState
from exceptions_app.models.learning import (
    ALWAYS_ASKED,
    Acceptance,
    AcceptancePolicy,
    Correction,
    CueStatus,
    LearnedAlias,
    ModelStatus,
    PlantCue,
    ReaderModel,
    Review,
    Verdict,
)
from exceptions_app.models.machine import BridgeNode, MachineSignal, SignalKind, SignalOperator
from exceptions_app.models.mailboxes import Mailbox
from exceptions_app.models.messengers import (
    AddressKind,
    ChannelUpdate,
    ContactAddress,
    SentMessage,
    UpdateKind,
)
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
from exceptions_app.models.storms import HeldBy, HeldSignal, Shelf

__all__ = [
    "ALWAYS_ASKED",
    "Acceptance",
    "AcceptancePolicy",
    "AddressKind",
    "AdviceStatus",
    "AnswerFormat",
    "Attachment",
    "AttachmentKind",
    "AttachmentStatus",
    "BridgeNode",
    "Census",
    "CensusEntry",
    "CensusFile",
    "CensusKind",
    "CensusStatus",
    "Channel",
    "ChannelUpdate",
    "ContactAddress",
    "Correction",
    "CueStatus",
    "EdiCounter",
    "EdiDocument",
    "EdiInterchange",
    "EdiState",
    "EventKind",
    "ExceptionEvent",
    "ExceptionLink",
    "ExceptionRecord",
    "HeldBy",
    "HeldSignal",
    "Interpretation",
    "LanguageModel",
    "LearnedAlias",
    "MachineSignal",
    "Mailbox",
    "ModelStatus",
    "PlantCue",
    "ReaderModel",
    "ReadingAdvice",
    "ReadingStatus",
    "Response",
    "ResponseStatus",
    "Review",
    "SentMessage",
    "Shelf",
    "Signal",
    "SignalKind",
    "SignalOperator",
    "SignalReading",
    "Source",
    "Telling",
    "TellingReason",
    "UpdateKind",
    "Verdict",
]
