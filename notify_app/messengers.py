"""How a sentence is handed to WhatsApp, Twilio, Slack and Teams, each by the provider's own HTTP protocol.

Plain values in, the provider's id of the message out; TransportError says whether another try can help and when. Knows
no rows. Addresses are the source's own settings and default to the provider's.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import httpx

from core.transports import TransportError
from exceptions_app.channels import slack, teams, twilio, whatsapp

PATIENCE: Final = httpx.Timeout(10.0, connect=5.0)
#: WhatsApp's codes for "not now": busy, rate limited, temporarily unavailable.
_WHATSAPP_LATER: Final = frozenset({1, 2, 4, 80007, 130429, 131000, 131016, 131048, 131056, 131057, 133004})
_SLACK_LATER: Final = frozenset(
    {"ratelimited", "rate_limited", "internal_error", "fatal_error", "service_unavailable", "request_timeout"}
)
#: A key that is wrong or has run out is mended by an administrator; the reply waits for that as long as it is worth it.
_SLACK_KEYS: Final = frozenset(
    {"invalid_auth", "not_authed", "token_expired", "token_revoked", "account_inactive"}
)
_WHATSAPP_KEY: Final = 190


class Later(TransportError):
    """A failure that passes; `after` is what the provider says to wait, in seconds, where it says so."""

    def __init__(self, message: str, *, after: float | None = None) -> None:
        super().__init__(message[:300])
        self.after = after


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One sentence on its way. `conversation`, `message_id` and `sender` are those of the message it answers.

    `mark` is ours and comes back with the receipt where the provider passes it on. `template`: the person last wrote
    so long ago that the channel takes an approved template only. `receipts` is the address for them, empty for none.
    """

    config: Mapping[str, Any]
    secrets: Mapping[str, Any]
    text: str
    sender: str
    conversation: str
    message_id: str
    mark: str
    template: bool = False
    receipts: str = ""


Sender = Callable[[Outgoing], str]


def _setting(values: Mapping[str, Any], name: str, default: str = "") -> str:
    return str(values.get(name) or default)


def _key(outgoing: Outgoing, name: str) -> str:
    found = _setting(outgoing.secrets, name)
    if not found:
        raise TransportError(f"The source has no {name.replace('_', ' ')}.", permanent=True)
    return found


def _base(outgoing: Outgoing, default: str) -> str:
    return _setting(outgoing.config, "base_url", default).rstrip("/")


def _post(url: str, **request: Any) -> httpx.Response:
    """One request, no redirects, bounded times. Later when the provider is away or busy."""
    try:
        with httpx.Client(timeout=PATIENCE, follow_redirects=False, trust_env=False) as client:
            answer = client.post(url, **request)
    except httpx.HTTPError as error:
        raise Later(f"The provider did not answer: {type(error).__name__}") from None
    except (httpx.InvalidURL, ValueError) as error:
        raise TransportError(f"The provider's address is wrong: {error}"[:300], permanent=True) from None
    if answer.status_code == 429 or answer.status_code >= 500:
        wait = answer.headers.get("retry-after", "")
        after = float(wait) if wait.isascii() and wait.isdigit() and len(wait) < 6 else None
        raise Later(f"The provider answered {answer.status_code}", after=after)
    return answer


def _told(answer: httpx.Response) -> dict[str, Any]:
    try:
        found = answer.json()
    except (ValueError, RecursionError):
        raise Later(f"The provider's answer ({answer.status_code}) was not understood") from None
    return found if isinstance(found, dict) else {}


def send_whatsapp(outgoing: Outgoing) -> str:
    """A text in answer to the person's message, or the approved template; returns WhatsApp's id."""
    number, _, _ = outgoing.conversation.partition(" ")
    body: dict[str, Any] = {
        "messaging_product": "whatsapp",
        "recipient_type": "individual",
        "to": outgoing.sender,
        "biz_opaque_callback_data": outgoing.mark,
    }
    if outgoing.template:
        body |= {
            "type": "template",
            "template": {
                "name": _setting(outgoing.config, "template"),
                "language": {"code": _setting(outgoing.config, "template_language", "en")},
                "components": [{"type": "body", "parameters": [{"type": "text", "text": outgoing.text}]}],
            },
        }
    else:
        body |= {
            "type": "text",
            "text": {"body": outgoing.text, "preview_url": False},
            "context": {"message_id": outgoing.message_id},
        }
    answer = _post(
        f"{_base(outgoing, whatsapp.BASE_URL)}/{number}/messages",
        json=body,
        headers={"Authorization": f"Bearer {_key(outgoing, 'access_token')}"},
    )
    told = _told(answer)
    error = told.get("error")
    if isinstance(error, dict) or answer.status_code >= 400:
        found = error if isinstance(error, dict) else {}
        code, words = found.get("code"), found.get("message") or f"answered {answer.status_code}"
        if code in _WHATSAPP_LATER or code == _WHATSAPP_KEY or answer.status_code == 401:
            raise Later(f"WhatsApp {code}: {words}")
        raise TransportError(f"WhatsApp {code}: {words}"[:300], permanent=True)
    messages = told.get("messages")
    first = messages[0] if isinstance(messages, list) and messages and isinstance(messages[0], dict) else {}
    return str(first.get("id") or "")


def send_twilio(outgoing: Outgoing) -> str:
    """An SMS or WhatsApp message from the number the person wrote to; returns Twilio's SID."""
    account = _setting(outgoing.config, "account_sid")
    if not account:
        raise TransportError("The source has no account SID.", permanent=True)
    ours, _, _ = outgoing.conversation.partition(" ")
    form = {"From": ours, "To": outgoing.sender}
    if outgoing.template:
        form |= {
            "ContentSid": _setting(outgoing.config, "content_sid"),
            "ContentVariables": json.dumps({"1": outgoing.text}),
        }
    else:
        form["Body"] = outgoing.text
    if outgoing.receipts:
        form["StatusCallback"] = outgoing.receipts
    answer = _post(
        f"{_base(outgoing, twilio.BASE_URL)}/2010-04-01/Accounts/{account}/Messages.json",
        data=form,
        auth=(account, _key(outgoing, "auth_token")),
    )
    told = _told(answer)
    if answer.status_code >= 400:
        words = f"Twilio {told.get('code')}: {told.get('message') or f'answered {answer.status_code}'}"
        if answer.status_code == 401:
            raise Later(words)
        raise TransportError(words[:300], permanent=True)
    return str(told.get("sid") or "")


def send_slack(outgoing: Outgoing) -> str:
    """A message in the thread of the report; returns channel and time stamp, as Slack's events name it."""
    channel, _, thread = outgoing.conversation.partition("/")
    thread = thread or outgoing.message_id.partition("/")[2]
    answer = _post(
        f"{_base(outgoing, slack.BASE_URL)}/chat.postMessage",
        json={
            "channel": channel,
            "thread_ts": thread,
            "text": outgoing.text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;"),
            "unfurl_links": False,
            "unfurl_media": False,
        },
        headers={"Authorization": f"Bearer {_key(outgoing, 'bot_token')}"},
    )
    told = _told(answer)
    if told.get("ok") is not True:
        error = str(told.get("error") or f"answered {answer.status_code}")
        if error in _SLACK_LATER or error in _SLACK_KEYS:
            raise Later(f"Slack: {error}")
        raise TransportError(f"Slack: {error}"[:300], permanent=True)
    return f"{told.get('channel') or channel}/{told.get('ts') or ''}"


def send_teams(outgoing: Outgoing) -> str:
    """A card to the channel's incoming webhook or workflow; Teams names no message, so nothing is returned."""
    card = {
        "type": "AdaptiveCard",
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "version": "1.4",
        "body": [{"type": "TextBlock", "text": outgoing.text, "wrap": True}],
    }
    attachment = {
        "contentType": "application/vnd.microsoft.card.adaptive",
        "contentUrl": None,
        "content": card,
    }
    answer = _post(
        _setting(outgoing.config, "answer_url"), json={"type": "message", "attachments": [attachment]}
    )
    if answer.status_code >= 300:
        raise TransportError(f"Teams answered {answer.status_code}", permanent=True)
    return ""


SENDERS: Final[dict[str, Sender]] = {
    whatsapp.ADAPTER.code: send_whatsapp,
    twilio.ADAPTER.code: send_twilio,
    slack.ADAPTER.code: send_slack,
    teams.ADAPTER.code: send_teams,
}
