"""Notices, how people want them, replies to whoever reported, and every try to deliver either. Import from here."""

from notify_app.models.alarms import AlarmNotice
from notify_app.models.drills import DrillChannel, DrillLine, DrillPlan, DrillRun, DrillStatus
from notify_app.models.notices import DeliveryAttempt, Notice, NoticeStatus
from notify_app.models.replies import ReplyAttempt, ReplyStatus, ReplyThread, ReplyWhat, ReporterReply
from notify_app.models.sheets import SheetNotice, SheetStep
from notify_app.models.ways import Address, FunctionDefault, NoticeChannel, Preference, PushKey
from notify_app.models.webhooks import (
    OutboundEvent,
    WebhookAttempt,
    WebhookDelivery,
    WebhookDue,
    WebhookEndpoint,
    WebhookStatus,
)

__all__ = [
    "Address",
    "AlarmNotice",
    "DeliveryAttempt",
    "DrillChannel",
    "DrillLine",
    "DrillPlan",
    "DrillRun",
    "DrillStatus",
    "FunctionDefault",
    "Notice",
    "NoticeChannel",
    "NoticeStatus",
    "OutboundEvent",
    "Preference",
    "PushKey",
    "ReplyAttempt",
    "ReplyStatus",
    "ReplyThread",
    "ReplyWhat",
    "ReporterReply",
    "SheetNotice",
    "SheetStep",
    "WebhookAttempt",
    "WebhookDelivery",
    "WebhookDue",
    "WebhookEndpoint",
    "WebhookStatus",
]
