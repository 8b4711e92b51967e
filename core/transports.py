"""What every outward transport shares: whether a failure is worth another try.

Owns the error only; the transports themselves live with the app that speaks them.
"""


class TransportError(Exception):
    """A message could not be handed over. `permanent` means trying again can't help (unknown address)."""

    def __init__(self, message: str, *, permanent: bool = False) -> None:
        super().__init__(message)
        self.permanent = permanent
