"""Keys and tokens: short business keys ERPs can carry, random secrets and their digests.

Owns the shapes of keys. Knows nothing of what they open.
"""

import base64
import hashlib
import secrets
import uuid

BUSINESS_KEY_LENGTH = 16
_NAMESPACE = uuid.UUID("5f0c1f52-6a3e-5d0b-9a53-2c1d6b7f1e90")


def business_key(*parts: object) -> str:
    """A 16-character key (A-Z, 2-7) that is the same for the same parts, for ever.

    Sixteen upper-case characters fit the shortest reference field met in the ERPs read (SAP's ReferenceDocument);
    80 bits leave no realistic collision within one connection.
    """
    text = "\x1f".join(str(part) for part in parts)
    raw = hashlib.sha256(text.encode()).digest()[:10]
    return base64.b32encode(raw).decode()[:BUSINESS_KEY_LENGTH]


def key_uuid(key: str) -> uuid.UUID:
    """The UUID an ERP's uuid-typed reference field gets for a business key."""
    return uuid.uuid5(_NAMESPACE, key)


def new_token(nbytes: int = 24) -> str:
    """A fresh random secret, safe in a URL."""
    return secrets.token_urlsafe(nbytes)


def digest(token: str) -> str:
    """What is stored of a secret token: its SHA-256 in hex. Tokens are random, so no salt is needed."""
    return hashlib.sha256(token.encode()).hexdigest()
