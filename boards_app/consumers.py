"""The one socket of a page: it names the groups it shows and hears when something in them changed.

Owns the conversation (subscribe, ping, heartbeat, limits). Which groups a reader may join is decided in
`boards_app.selectors.groups`, asked again from time to time, since access can end while a page stays open.
"""

import asyncio
import json
import logging
from contextlib import suppress
from typing import Any, Literal, NotRequired, TypedDict

from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncWebsocketConsumer
from redis.exceptions import RedisError

from boards_app.selectors.groups import Listener, allowed_groups
from core import clock
from plant_app.authentication import DEVICE_COOKIE
from plant_app.models import User
from plant_app.services.access import device_for

logger = logging.getLogger(__name__)

BEAT_SECONDS = 25.0
CHECK_SECONDS = 120.0  # how long access that ended may still be heard
MOST_GROUPS = 200
LONGEST_MESSAGE = 16_384
MOST_MESSAGES, PER_SECONDS = 60, 20.0
NOT_ALLOWED, NOT_UNDERSTOOD, TOO_MANY, TRY_LATER = 4403, 4400, 4429, 1013


class Hello(TypedDict):
    """First thing said."""

    type: Literal["hello"]
    at: str
    now: str


class Beat(TypedDict):
    """The line is alive; `pong` answers a `ping`."""

    type: Literal["beat", "pong"]
    now: str


class Subscribed(TypedDict):
    """Groups heard from now on, and those asked for in vain."""

    type: Literal["subscribed"]
    groups: list[str]
    refused: list[str]
    now: str


class Hint(TypedDict):
    """Something in `group` changed; refetch. Further members name it (ref, id, change, ...)."""

    type: Literal["hint"]
    kind: str
    group: str


class Fragment(TypedDict):
    """Ready markup for the element `target` of every page that shows `group`."""

    type: Literal["fragment"]
    target: str
    html: str
    group: str


class Asked(TypedDict):
    """What a page may say. `subscribe` names all groups wanted; those of before that are not named again are left."""

    type: NotRequired[str]
    groups: NotRequired[list[str]]
    subscribe: NotRequired[list[str]]


def stamp() -> str:
    """The server's time as pages want it."""
    return clock.now().isoformat()


class LiveConsumer(AsyncWebsocketConsumer):
    """`/ws/live/`: for a logged-in person or a paired screen."""

    async def connect(self) -> None:
        self.groups_joined: set[str] = set()
        self.beat: asyncio.Task[None] | None = None
        self.checked = asyncio.get_running_loop().time()
        self.heard: list[float] = []
        self.listener = await self._listener()
        if not self.listener.known:
            await self.close(code=NOT_ALLOWED)
            return
        await self.accept()
        now = stamp()
        await self._say(Hello(type="hello", at=now, now=now))
        self.beat = asyncio.create_task(self._beating())

    async def disconnect(self, code: int) -> None:
        if self.beat is not None:
            self.beat.cancel()
            with suppress(asyncio.CancelledError):
                await self.beat
        with suppress(RedisError, OSError):
            for group in sorted(self.groups_joined):
                await self.channel_layer.group_discard(group, self.channel_name)
        self.groups_joined.clear()

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        if text_data is None or len(text_data) > LONGEST_MESSAGE:
            await self.close(code=NOT_UNDERSTOOD)
            return
        if self._too_many():
            await self.close(code=TOO_MANY)
            return
        try:
            asked = json.loads(text_data)
        except ValueError:
            await self.close(code=NOT_UNDERSTOOD)
            return
        if not isinstance(asked, dict):
            await self.close(code=NOT_UNDERSTOOD)
            return
        wanted = _groups_of(asked)
        if wanted is not None:
            await self._subscribe(wanted)
        elif asked.get("type") == "ping":
            await self._say(Beat(type="pong", now=stamp()))
        else:
            await self.close(code=NOT_UNDERSTOOD)

    # --- what the channel layer brings -------------------------------------------------------------------
    async def hint(self, message: dict[str, Any]) -> None:
        """A change in a group this page shows."""
        await self._forward(message)

    async def fragment(self, message: dict[str, Any]) -> None:
        """Markup for a group this page shows."""
        await self._forward(message)

    async def _forward(self, message: dict[str, Any]) -> None:
        # A message sent just before a group was left must not arrive after it.
        if message.get("group") in self.groups_joined:
            await self._say({**message, "now": stamp()})

    # --- groups ------------------------------------------------------------------------------------------
    async def _subscribe(self, wanted: list[str]) -> None:
        asked = wanted[:MOST_GROUPS]
        granted = await database_sync_to_async(allowed_groups)(self.listener, asked)
        try:
            for group in sorted(self.groups_joined - set(granted)):
                self.groups_joined.discard(group)
                await self.channel_layer.group_discard(group, self.channel_name)
            for group in granted:
                if group not in self.groups_joined:
                    await self.channel_layer.group_add(group, self.channel_name)
                    self.groups_joined.add(group)
        except (RedisError, OSError) as error:
            logger.warning("live groups not joined: %s", error)
            await self.close(code=TRY_LATER)
            return
        refused = [group for group in wanted if group not in self.groups_joined]
        await self._say(Subscribed(type="subscribed", groups=granted, refused=refused, now=stamp()))

    async def _beating(self) -> None:
        while True:
            await asyncio.sleep(BEAT_SECONDS)
            if asyncio.get_running_loop().time() - self.checked >= CHECK_SECONDS:
                await self._check_again()
            await self._say(Beat(type="beat", now=stamp()))

    async def _check_again(self) -> None:
        """Access may have ended since: leave what may no longer be heard, or go altogether."""
        self.checked = asyncio.get_running_loop().time()
        self.listener = await self._listener()
        if not self.listener.known:
            await self.close(code=NOT_ALLOWED)
            return
        granted = await database_sync_to_async(allowed_groups)(self.listener, sorted(self.groups_joined))
        for group in sorted(self.groups_joined - set(granted)):
            self.groups_joined.discard(group)
            with suppress(RedisError, OSError):
                await self.channel_layer.group_discard(group, self.channel_name)

    async def _listener(self) -> Listener:
        user = self.scope.get("user")
        secret = self.scope.get("cookies", {}).get(DEVICE_COOKIE, "")
        pk = user.pk if user is not None and user.is_authenticated else None
        return await database_sync_to_async(_listener_of)(pk, secret)

    # --- saying ------------------------------------------------------------------------------------------
    async def _say(self, message: Hello | Beat | Subscribed | dict[str, Any]) -> None:
        await self.send(text_data=json.dumps(message))

    def _too_many(self) -> bool:
        now = asyncio.get_running_loop().time()
        self.heard = [moment for moment in self.heard if now - moment < PER_SECONDS]
        self.heard.append(now)
        return len(self.heard) > MOST_MESSAGES


def _listener_of(user_id: int | None, device_secret: str) -> Listener:
    user = User.objects.filter(pk=user_id, is_active=True).first() if user_id else None
    return Listener(user=user, device=device_for(device_secret) if device_secret else None)


def _groups_of(asked: dict[str, Any]) -> list[str] | None:
    """The groups a subscribe message names; None when it is none."""
    names = asked.get("groups") if asked.get("type") == "subscribe" else asked.get("subscribe")
    if not isinstance(names, list):
        return None
    return [name for name in names if isinstance(name, str)]
