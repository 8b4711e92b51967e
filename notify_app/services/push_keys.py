"""This installation's key pair for push services, made when first asked for and kept with its other secrets."""

import base64

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from notify_app.models import PushKey


def push_key() -> PushKey:
    """The one key pair; made now where there is none yet. Two at once make one. No lock."""
    found = PushKey.objects.first()
    if found is not None:
        return found
    private = ec.generate_private_key(ec.SECP256R1())
    pem = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    point = private.public_key().public_bytes(
        serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
    )
    public = base64.urlsafe_b64encode(point).rstrip(b"=").decode()
    PushKey.objects.bulk_create(
        [PushKey(private=pem.decode(), public=public)], ignore_conflicts=True
    )  # fmt: skip
    return PushKey.objects.get()
