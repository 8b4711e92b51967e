"""Every outward channel by its code, and which of them are worked off by one run."""

from typing import Final

from notify_app.channels import mail, outside, push
from notify_app.channels.port import Channel

CHANNELS: Final[dict[str, Channel]] = {
    one.code: one for one in (mail.CHANNEL, push.CHANNEL, outside.channel("chat"), outside.channel("phone"))
}
#: Each in a task of its own: a slow provider of one keeps nobody else waiting.
MAIL: Final = ("email",)
PUSH: Final = ("push",)
OUTSIDE: Final = ("phone", "chat")
