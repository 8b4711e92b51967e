"""Every verb of telling: take what is due, send it, take the answer; import from here."""

from notify_app.services.answering import ANSWERS, answer, mark_seen
from notify_app.services.links import answer_url, notice_of
from notify_app.services.replies import plan_replies
from notify_app.services.reply_sending import send_replies, take_receipts
from notify_app.services.sending import send_due
from notify_app.services.telling import record_told, take_tellings

__all__ = [
    "ANSWERS",
    "answer",
    "answer_url",
    "mark_seen",
    "notice_of",
    "plan_replies",
    "record_told",
    "send_due",
    "send_replies",
    "take_receipts",
    "take_tellings",
]
