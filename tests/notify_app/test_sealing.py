"""What goes to a push service only the device can read: the worked example of RFC 8291 section 5, byte by byte."""

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from notify_app.channels.sealing import plain_bytes, seal

DEVICE = "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"
SECRET = "BTBZMqHH6r4Tts7J_aSIgg"
SENDER = "yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw"
SALT = "DGv6ra1nlYgDCS1FRnbzlw"
SEALED = (
    "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_yl95bQpu"
    "6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN"
)


def test_the_worked_example_of_the_standard() -> None:
    sender = ec.derive_private_key(int.from_bytes(plain_bytes(SENDER)), ec.SECP256R1())
    sealed = seal(
        b"When I grow up, I want to be a watermelon",
        p256dh=DEVICE,
        auth=SECRET,
        salt=plain_bytes(SALT),
        sender=sender,
    )
    assert sealed == plain_bytes(SEALED)


def test_no_two_messages_look_alike() -> None:
    assert seal(b"press 4 down", p256dh=DEVICE, auth=SECRET) != seal(
        b"press 4 down", p256dh=DEVICE, auth=SECRET
    )


@pytest.mark.parametrize(
    ("p256dh", "auth", "length"),
    [
        ("nonsense", SECRET, 5),
        (DEVICE[:-4], SECRET, 5),
        (DEVICE, "short", 5),
        (DEVICE, SECRET[:-2], 5),
        (DEVICE, SECRET, 4080),
        ("&&&", SECRET, 5),
    ],
)
def test_keys_that_are_none_and_what_does_not_fit_are_refused(p256dh: str, auth: str, length: int) -> None:
    with pytest.raises(ValueError):
        seal(b"x" * length, p256dh=p256dh, auth=auth)
