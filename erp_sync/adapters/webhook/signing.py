"""Signatures by the Standard Webhooks scheme (https://www.standardwebhooks.com), ours and theirs.

Owns the three headers of a message. A secret may be several, parted by blanks, while one is being changed for another:
ours are all signed with, theirs may fit any. Must not know: what a message says.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from standardwebhooks import Webhook
from standardwebhooks.webhooks import EmptyWebhookSecretError

from core import clock
from erp_sync.errors import ErpRejected, ErpUnavailable

TOLERANCE = timedelta(minutes=5)


def headers_for(secret: str, message_id: str, body: str) -> dict[str, str]:
    """The headers that prove a message ours. Raises ErpUnavailable (nothing sent) without a usable secret."""
    stamp = clock.now().replace(microsecond=0)
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(int(stamp.timestamp())),
        "webhook-signature": " ".join(_signatures(secret, message_id, stamp, body)),
    }


def check(secret: str, headers: Mapping[str, str], body: bytes) -> str:
    """Id of a message that is provably theirs and not older than five minutes; ErpRejected `erp.signature` else."""
    given = {name.lower(): value for name, value in headers.items()}
    message_id, stamp = given.get("webhook-id", ""), given.get("webhook-timestamp", "")
    signatures = given.get("webhook-signature", "")
    if not (message_id and stamp and signatures):
        raise _refused("webhook-id, webhook-timestamp and webhook-signature are needed")
    if not stamp.isascii() or not stamp.isdigit() or len(stamp) > 12:
        raise _refused("webhook-timestamp is not in seconds")
    if abs(clock.now().timestamp() - int(stamp)) > TOLERANCE.total_seconds():
        raise _refused("the time stamp is more than five minutes away")
    try:
        text = body.decode()
    except UnicodeDecodeError:
        raise _refused("the body is not UTF-8") from None
    wanted = _signatures(secret, message_id, datetime.fromtimestamp(int(stamp), UTC), text)
    for candidate in signatures.split():
        # Every key is compared, so that the time taken does not tell which fits.
        if any([hmac.compare_digest(one.encode(), candidate.encode()) for one in wanted]):  # noqa: C419
            return message_id
    raise _refused("the signature does not fit the message")


def _signatures(secret: str, message_id: str, stamp: datetime, body: str) -> list[str]:
    keys = secret.split()
    if not keys:
        raise ErpUnavailable("The connection has no secret to sign with", code="webhook.secret", sent=False)
    try:
        return [Webhook(key).sign(message_id, stamp, body) for key in keys]
    except (ValueError, EmptyWebhookSecretError):
        words = "The connection's secret is not in the form whsec_<base64>"
        raise ErpUnavailable(words, code="webhook.secret", sent=False) from None


def _refused(words: str) -> ErpRejected:
    return ErpRejected("erp.signature", f"The call is not provably theirs: {words}.")
