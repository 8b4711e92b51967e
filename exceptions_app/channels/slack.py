"""Slack Events API, pure: the signature with its five minutes, the handshake, and what an event says.

Signature: hex HMAC-SHA256 of `v0:timestamp:body` (Slack's "Verifying requests"). A message is named by channel and
time stamp, not by the event's id: edits, threads and a second event for the same words name it that way too.
"""

import hashlib
import hmac
import html
import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from exceptions_app.channels.messages import (
    BadSignature,
    Inbound,
    Kind,
    Part,
    bounded,
    document,
    moment,
    record,
    records,
    same,
    unparsable,
    words,
)
from exceptions_app.channels.port import Adapter, Setting

BASE_URL: Final = "https://slack.com/api"
TOLERANCE: Final = timedelta(minutes=5)
#: Subtypes a person writes; every other one is Slack talking about the channel.
_SPOKEN: Final = frozenset({"", "file_share", "thread_broadcast", "me_message"})

ADAPTER: Final = Adapter(
    code="slack", name="Slack", channel="chat", path="/hooks/slack/{code}/", guide="Slack", answers=True,
    settings=(
        Setting("channels", "Channels to listen to", kind="lines",
                help="channel ids, one a line; empty: every channel the app is in"),
        Setting("base_url", "Address of the API", kind="url", default=BASE_URL),
    ),
    secrets=(
        Setting("signing_secret", "Signing secret", required=True, help="Basic Information of the Slack app"),
        Setting("bot_token", "Bot token", required=True,
                help="begins with xoxb; needs chat:write and files:read; sends answers and fetches files"),
    ),
)  # fmt: skip


def verify(*, signing_secret: str, headers: Mapping[str, str], body: bytes, now: datetime) -> None:
    """Check `X-Slack-Signature` and that its time stamp is within five minutes of `now`; BadSignature otherwise."""
    given = {name.lower(): value for name, value in headers.items()}
    stamp = given.get("x-slack-request-timestamp", "")
    if not signing_secret:
        raise BadSignature("This source has no signing secret.")
    if not stamp.isascii() or not stamp.isdigit() or len(stamp) > 12:
        raise BadSignature("x-slack-request-timestamp is not in seconds.")
    if abs(now.timestamp() - int(stamp)) > TOLERANCE.total_seconds():
        raise BadSignature("The time stamp is more than five minutes away.")
    signed = b"v0:" + stamp.encode() + b":" + body
    wanted = "v0=" + hmac.new(signing_secret.encode(), signed, hashlib.sha256).hexdigest()
    if not same(wanted, given.get("x-slack-signature", "")):
        raise BadSignature("The signature does not fit the message.")


def challenge(body: bytes) -> str | None:
    """The word to echo when Slack checks the address, None for every other delivery."""
    try:
        data = document(body)
    except ValueError:
        return None
    return words(data.get("challenge")) if data.get("type") == "url_verification" else None


def normalise(body: bytes, *, channels: tuple[str, ...] = ()) -> list[Inbound]:
    """What an event says: one message or one piece of news, or nothing (bots, ourselves, other channels).

    Never raises: a delivery of another form is one message with the raw text.
    """
    try:
        data = document(body)
    except ValueError as problem:
        return [unparsable(body, str(problem))]
    event = record(data.get("event"))
    if data.get("type") != "event_callback" or not event:
        return [unparsable(body, "No event in it.")]
    team = words(data.get("team_id")) or words(event.get("team"))
    ourselves = {words(one.get("user_id")) for one in records(data.get("authorizations"))}
    type_ = words(event.get("type"))
    channel = words(event.get("channel")) or words(record(event.get("item")).get("channel"))
    if channels and channel not in channels:
        return []
    if type_ in ("reaction_added", "reaction_removed"):
        return _reaction(event, words(data.get("event_id")), team)
    if type_ not in ("message", "app_mention"):
        event_id = bounded(words(data.get("event_id")))
        return [Inbound(external_id=event_id, kind=Kind.NOTICE, payload=event)] if event_id else []
    subtype = words(event.get("subtype"))
    if subtype == "message_changed":
        return _changed(event, channel, team, ourselves)
    if subtype == "message_deleted":
        return _deleted(event, channel, team, ourselves)
    if subtype not in _SPOKEN or _by_machine(event, ourselves):
        return []
    if not channel or not words(event.get("ts")):
        return [unparsable(body, "The message names no channel or time.")]
    return [_message(event, channel, team)]


def _by_machine(message: Mapping[str, Any], ourselves: set[str]) -> bool:
    author = words(message.get("user"))
    return (
        bool(message.get("bot_id")) or author in ourselves - {""} or message.get("subtype") == "bot_message"
    )


def _name(channel: str, stamp: str) -> str:
    return bounded(f"{channel}/{stamp}")


def _message(event: Mapping[str, Any], channel: str, team: str) -> Inbound:
    stamp, thread = words(event.get("ts")), words(event.get("thread_ts"))
    user = words(event.get("user"))
    return Inbound(
        external_id=_name(channel, stamp),
        text=plain(words(event.get("text"))),
        sender=f"{team}/{user}" if user else "",
        sender_name=words(record(event.get("user_profile")).get("real_name")) or user,
        proven=bool(user),
        conversation=_name(channel, thread) if thread else channel,
        reply_to=_name(channel, thread) if thread and thread != stamp else "",
        sent_at=moment(stamp),
        payload=dict(event),
        parts=tuple(
            Part(ref=words(one.get("url_private_download")) or words(one.get("url_private")),
                 content_type=words(one.get("mimetype")), name=words(one.get("name")))
            for one in records(event.get("files"))
            if one.get("url_private_download") or one.get("url_private")
        ),
    )  # fmt: skip


def _changed(event: Mapping[str, Any], channel: str, team: str, ourselves: set[str]) -> list[Inbound]:
    """An edit. Slack says "changed" too when it only unfurled a link or counted replies: then nothing was said."""
    newer, older = record(event.get("message")), record(event.get("previous_message"))
    same_words = newer.get("text") == older.get("text") and bool(older)
    if _by_machine(newer, ourselves) or same_words or newer.get("subtype") == "tombstone":
        return []
    stamp = words(newer.get("ts"))
    if not stamp:
        return []
    user = words(newer.get("user"))
    edited = (
        words(record(newer.get("edited")).get("ts")) or words(event.get("ts")) or words(event.get("event_ts"))
    )
    return [
        Inbound(
            external_id=bounded(f"{channel}/{stamp}/edit/{edited}"), kind=Kind.EDIT, target=_name(channel, stamp),
            text=plain(words(newer.get("text"))), sender=f"{team}/{user}" if user else "", sender_name=user,
            conversation=channel, sent_at=moment(edited), payload=dict(event),
        )
    ]  # fmt: skip


def _deleted(event: Mapping[str, Any], channel: str, team: str, ourselves: set[str]) -> list[Inbound]:
    older = record(event.get("previous_message"))
    stamp = words(event.get("deleted_ts")) or words(older.get("ts"))
    if not stamp or _by_machine(older, ourselves):
        return []
    user = words(older.get("user"))
    return [
        Inbound(
            external_id=bounded(f"{channel}/{stamp}/delete"), kind=Kind.DELETE, target=_name(channel, stamp),
            sender=f"{team}/{user}" if user else "", conversation=channel, sent_at=moment(event.get("event_ts")),
            payload={"deleted_ts": stamp, "channel": channel},
        )
    ]  # fmt: skip


def _reaction(event: Mapping[str, Any], event_id: str, team: str) -> list[Inbound]:
    item = record(event.get("item"))
    channel, stamp, user = words(item.get("channel")), words(item.get("ts")), words(event.get("user"))
    if not event_id or not stamp:
        return []
    removed = event.get("type") == "reaction_removed"
    return [
        Inbound(
            external_id=bounded(event_id), kind=Kind.REACTION, target=_name(channel, stamp),
            text="" if removed else f":{words(event.get('reaction'))}:", sender=f"{team}/{user}",
            conversation=channel, sent_at=moment(event.get("event_ts")), payload=dict(event),
        )
    ]  # fmt: skip


_MARK = re.compile(r"<([@#!])?([^<>|]{0,3000})(?:\|([^<>]{0,3000}))?>")


def plain(text: str) -> str:
    """Slack's markup as plain words: mentions go, links and channels keep their label, entities are turned back."""

    def word(found: re.Match[str]) -> str:
        sign, target, label = found.groups()
        if sign == "@":
            return f"@{label}" if label else ""
        if sign == "#":
            return f"#{label or target}"
        if sign == "!":
            return label or ""
        return label or target.removeprefix("mailto:")

    return html.unescape(_MARK.sub(word, text)).strip()
