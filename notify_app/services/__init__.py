"""Every verb of telling: take what is due, send it, take the answer; import from here."""

from notify_app.services.addresses import add_address, remove_address, retire, send_test_notice, subscribe
from notify_app.services.alarm_notices import tell_alarms
from notify_app.services.answering import ANSWERS, answer, mark_seen
from notify_app.services.drills import begin_drill, run_drills
from notify_app.services.fallback import fall_back
from notify_app.services.links import answer_url, notice_of
from notify_app.services.push_keys import push_key
from notify_app.services.replies import plan_replies
from notify_app.services.reply_sending import send_replies, take_receipts
from notify_app.services.sending import send_due, send_outside, send_push
from notify_app.services.sheet_notices import tell_late_sheets
from notify_app.services.telling import record_told, take_tellings
from notify_app.services.ways import Ways, ways_of
from notify_app.services.webhook_pruning import prune_webhooks
from notify_app.services.webhook_sending import send_webhooks
from notify_app.services.webhooks import (
    replay,
    replay_failed,
    rotate_secret,
    send_test,
    switch_on,
    write_messages,
)
from notify_app.services.wishes import forget_wishes, set_default, set_wishes

__all__ = [
    "ANSWERS",
    "Ways",
    "add_address",
    "answer",
    "answer_url",
    "begin_drill",
    "fall_back",
    "forget_wishes",
    "mark_seen",
    "notice_of",
    "plan_replies",
    "prune_webhooks",
    "push_key",
    "record_told",
    "remove_address",
    "replay",
    "replay_failed",
    "retire",
    "rotate_secret",
    "run_drills",
    "send_due",
    "send_outside",
    "send_push",
    "send_replies",
    "send_test",
    "send_test_notice",
    "send_webhooks",
    "set_default",
    "set_wishes",
    "subscribe",
    "switch_on",
    "take_receipts",
    "take_tellings",
    "tell_alarms",
    "tell_late_sheets",
    "ways_of",
    "write_messages",
]
