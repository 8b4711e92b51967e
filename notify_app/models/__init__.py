"""Notices to people on duty, replies to whoever reported, and every try to deliver either. Import from here."""

from notify_app.models.notices import DeliveryAttempt, Notice, NoticeChannel, NoticeStatus, Preference
from notify_app.models.replies import ReplyAttempt, ReplyStatus, ReplyThread, ReplyWhat, ReporterReply

__all__ = [
    "DeliveryAttempt",
    "Notice",
    "NoticeChannel",
    "NoticeStatus",
    "Preference",
    "ReplyAttempt",
    "ReplyStatus",
    "ReplyThread",
    "ReplyWhat",
    "ReporterReply",
]
