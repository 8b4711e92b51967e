"""Encrypts a push message for one device: RFC 8291 (Web Push) on RFC 8188 (`aes128gcm`). Pure.

Written here because the libraries that do it come as source only, and an installation takes nothing that must be built.
Held to the worked example of RFC 8291 section 5.
"""

import base64
import os
import struct
from typing import Final

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

RECORD_SIZE: Final = 4096
_TAG, _LAST = 16, b"\x02"


def plain_bytes(text: str) -> bytes:
    """The bytes of a base64url word, padded or not. Raises ValueError for anything else."""
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)


def seal(
    message: bytes,
    *,
    p256dh: str,
    auth: str,
    salt: bytes | None = None,
    sender: ec.EllipticCurvePrivateKey | None = None,
) -> bytes:
    """The body a push service takes: header (salt, record size, sender's point) and one encrypted record.

    `p256dh` and `auth` are the subscription's, base64url. `salt` (16 bytes) and `sender` are fresh for every message
    unless a test says them. Raises ValueError for keys that are none and for a message that does not fit one record.
    """
    theirs_raw, secret = plain_bytes(p256dh), plain_bytes(auth)
    theirs = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), theirs_raw)
    if len(secret) != 16:
        raise ValueError("the subscription's secret is 16 bytes long")
    if len(message) > RECORD_SIZE - _TAG - len(_LAST):
        raise ValueError("the message does not fit one record")
    salt = salt or os.urandom(16)
    sender = sender or ec.generate_private_key(ec.SECP256R1())
    ours_raw = sender.public_key().public_bytes(
        serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
    )
    shared = sender.exchange(ec.ECDH(), theirs)
    key_material = _derive(shared, secret, b"WebPush: info\x00" + theirs_raw + ours_raw, 32)
    key = _derive(key_material, salt, b"Content-Encoding: aes128gcm\x00", 16)
    nonce = _derive(key_material, salt, b"Content-Encoding: nonce\x00", 12)
    header = salt + struct.pack("!IB", RECORD_SIZE, len(ours_raw)) + ours_raw
    return header + AESGCM(key).encrypt(nonce, message + _LAST, None)


def _derive(secret: bytes, salt: bytes, info: bytes, length: int) -> bytes:
    return HKDF(algorithm=hashes.SHA256(), length=length, salt=salt, info=info).derive(secret)
