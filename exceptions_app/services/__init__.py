"""Every state change of exceptions: signals in, records, responses. Import verbs from here.

`channels` takes signals in and reads them, `records` opens, corrects and moves exceptions, `responses` routes them to
people and takes their answers. Higher apps compose their verbs of `locked`, `move`, `record_event` and the other
primitives, holding the exception's lock.
"""

from exceptions_app.services.adoption import take_step
from exceptions_app.services.census import (
    add_census_file,
    begin_census,
    delete_census_words,
    read_due_censuses,
    set_census_columns,
    set_typical_minutes,
    start_census,
)
from exceptions_app.services.channels.attachments import Enclosure, keep_attachments
from exceptions_app.services.channels.edi_again import read_edi_again
from exceptions_app.services.channels.edi_answer import Said, answer_by_edi, wants_edi
from exceptions_app.services.channels.edi_documents import resend as resend_edi
from exceptions_app.services.channels.edi_documents import send_due_documents as send_edi
from exceptions_app.services.channels.edi_files import take_files as take_edi_files
from exceptions_app.services.channels.edi_intake import Taken, take_interchange
from exceptions_app.services.channels.first_answer import (
    answer_at_once,
    facts_for,
    first_word,
    language_of,
)
from exceptions_app.services.channels.mail import mail_headers, receive_mail
from exceptions_app.services.channels.mail import reader_of as mail_reader
from exceptions_app.services.channels.mailbox import poll_mailboxes
from exceptions_app.services.channels.messaging import remember_sent, settle_updates, take_messages
from exceptions_app.services.channels.read import read_due_signals, read_signal
from exceptions_app.services.channels.receive import (
    BODY_DIFFERS,
    Received,
    receive_later,
    receive_signal,
    redact_signal,
)
from exceptions_app.services.channels.sources import (
    ensure_edi_source,
    load_default_sources,
    source_code,
    source_of,
)
from exceptions_app.services.channels.talk_files import TALK, enclose_in_talk
from exceptions_app.services.channels.trying import Trial, Tried, try_message
from exceptions_app.services.learning.acceptance import set_acceptance
from exceptions_app.services.learning.advising import advice_on, give_due_advice, want_advice
from exceptions_app.services.learning.cues import add_cue, settle_cue
from exceptions_app.services.learning.names import learn_name, restore_name, withdraw_name
from exceptions_app.services.learning.reviews import note_dismissal, note_merge, take_back
from exceptions_app.services.learning.training import promote as promote_reader
from exceptions_app.services.learning.training import start_training
from exceptions_app.services.learning.training import use_shipped as use_shipped_reader
from exceptions_app.services.records.facts import facts_of
from exceptions_app.services.records.moves import (
    drop_tellings,
    keep,
    locked,
    mark_cleared,
    mark_contained,
    mark_returned,
    move,
    release_key,
    set_next_step,
    set_reason,
    stop_ladders,
)
from exceptions_app.services.records.opening import Opened, Report, open_or_join
from exceptions_app.services.records.reopening import reopen_record
from exceptions_app.services.records.story import announce, groups_of, record_event
from exceptions_app.services.records.suppression import lift_shelf, release_held, shelve
from exceptions_app.services.records.triage import correct, open_from_signals
from exceptions_app.services.records.urgency import (
    ask_window,
    look_again,
    reconsider,
    set_delay_cost,
    set_limits,
    set_urgency,
    set_window,
)
from exceptions_app.services.responses.adopted import opened_quietly, response_level, stays_quiet
from exceptions_app.services.responses.answers import (
    acknowledge,
    acknowledge_by_deciding,
    act,
    align,
    arrived,
    decline,
    finish,
    may_answer,
    on_my_way,
)
from exceptions_app.services.responses.asking import (
    add_function,
    ask_newly_affected,
    remove_function,
    set_required,
)
from exceptions_app.services.responses.board import reroute, take_over
from exceptions_app.services.responses.escalation import escalate_due
from exceptions_app.services.responses.progress import (
    mark_delivered,
    mark_many_delivered,
    mark_many_told,
    mark_seen,
    mark_told,
)
from exceptions_app.services.responses.shift_change import change_shifts
from exceptions_app.services.responses.tell import staff_held, tell, tell_change
from exceptions_app.services.responses.watchdog import watch

__all__ = [
    "BODY_DIFFERS",
    "TALK",
    "Enclosure",
    "Opened",
    "Received",
    "Report",
    "Said",
    "Taken",
    "Trial",
    "Tried",
    "acknowledge",
    "acknowledge_by_deciding",
    "act",
    "add_census_file",
    "add_cue",
    "add_function",
    "advice_on",
    "align",
    "announce",
    "answer_at_once",
    "answer_by_edi",
    "arrived",
    "ask_newly_affected",
    "ask_window",
    "begin_census",
    "change_shifts",
    "correct",
    "decline",
    "delete_census_words",
    "drop_tellings",
    "enclose_in_talk",
    "ensure_edi_source",
    "escalate_due",
    "facts_for",
    "facts_of",
    "finish",
    "first_word",
    "give_due_advice",
    "groups_of",
    "keep",
    "keep_attachments",
    "language_of",
    "learn_name",
    "lift_shelf",
    "load_default_sources",
    "locked",
    "look_again",
    "mail_headers",
    "mail_reader",
    "mark_cleared",
    "mark_contained",
    "mark_delivered",
    "mark_many_delivered",
    "mark_many_told",
    "mark_returned",
    "mark_seen",
    "mark_told",
    "may_answer",
    "move",
    "note_dismissal",
    "note_merge",
    "on_my_way",
    "open_from_signals",
    "open_or_join",
    "opened_quietly",
    "poll_mailboxes",
    "promote_reader",
    "read_due_censuses",
    "read_due_signals",
    "read_edi_again",
    "read_signal",
    "receive_later",
    "receive_mail",
    "receive_signal",
    "reconsider",
    "record_event",
    "redact_signal",
    "release_held",
    "release_key",
    "remember_sent",
    "remove_function",
    "reopen_record",
    "reroute",
    "resend_edi",
    "response_level",
    "restore_name",
    "send_edi",
    "set_acceptance",
    "set_census_columns",
    "set_delay_cost",
    "set_limits",
    "set_next_step",
    "set_reason",
    "set_required",
    "set_typical_minutes",
    "set_urgency",
    "set_window",
    "settle_cue",
    "settle_updates",
    "shelve",
    "source_code",
    "source_of",
    "staff_held",
    "start_census",
    "start_training",
    "stays_quiet",
    "stop_ladders",
    "take_back",
    "take_edi_files",
    "take_interchange",
    "take_messages",
    "take_over",
    "take_step",
    "tell",
    "tell_change",
    "try_message",
    "use_shipped_reader",
    "want_advice",
    "wants_edi",
    "watch",
    "withdraw_name",
]
