"""One change on many open boards: the hint through socket and channel layer, against bare Redis pub/sub.

Clients run on the same cores as the server, as everywhere in these figures.
"""

import asyncio
import json
import time
from collections.abc import Iterable
from statistics import median, quantiles

import httpx
import redis.asyncio as redis
import websockets
from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer
from django.conf import settings

from bench._product import plant, web
from bench.registry import Row, compare, figure
from plant_app.models import Area

SOCKETS, MESSAGES, PAUSE = 200, 12, 0.4


@figure(f"one hint to {SOCKETS} boards")
def fan_out() -> Iterable[Row]:
    """Milliseconds from sending to a socket's hearing it; median and 95th percentile over all sockets and messages."""
    with web() as url:
        ours = async_to_sync(_boards)(url)
    raw = async_to_sync(_bare)()
    peer = f"raw Redis pub/sub to {SOCKETS}"
    yield compare(f"hint to {SOCKETS} sockets, p50", "ms", [median(ours)], f"{peer}, p50", [median(raw)])
    p95 = [quantiles(ours, n=20)[18]], [quantiles(raw, n=20)[18]]
    yield compare(f"hint to {SOCKETS} sockets, p95", "ms", p95[0], f"{peer}, p95", p95[1])


async def _boards(url: str) -> list[float]:
    group = f"area.{(await Area.objects.aget(site__code='RHF', code='FORM')).pk}"
    cookie = await asyncio.to_thread(_sign_in, url)
    layer = get_channel_layer()
    if layer is None:
        raise RuntimeError("no channel layer is configured")
    heard: list[float] = []
    sent: dict[int, float] = {}
    ready = asyncio.Semaphore(0)

    async def board() -> None:
        address = f"{url.replace('http', 'ws', 1)}/ws/live/"
        async with websockets.connect(
            address, additional_headers={"Cookie": cookie}, origin=websockets.Origin(url), open_timeout=60
        ) as link:
            await link.send(json.dumps({"type": "subscribe", "groups": [group]}))
            async for text in link:
                message = json.loads(text)
                if message["type"] == "subscribed":
                    ready.release()
                if message["type"] == "hint":
                    heard.append((time.perf_counter() - sent[message["number"]]) * 1000)

    tasks = []
    for _ in range(SOCKETS):
        tasks.append(asyncio.create_task(board()))
        await asyncio.sleep(0.005)
    for _ in range(SOCKETS):
        await asyncio.wait_for(ready.acquire(), 60)
    for number in range(MESSAGES + 1):
        if number == 1:  # the first one opens what is opened lazily
            await asyncio.sleep(1)
            heard.clear()
        sent[number] = time.perf_counter()
        await layer.group_send(group, {"type": "hint", "kind": "bench", "group": group, "number": number})
        await asyncio.sleep(PAUSE)
    await _all_heard(heard)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return heard


async def _all_heard(heard: list[float]) -> None:
    for _ in range(100):
        if len(heard) == SOCKETS * MESSAGES:
            return
        await asyncio.sleep(0.1)
    raise RuntimeError(f"{len(heard)} of {SOCKETS * MESSAGES} hints arrived")


def _sign_in(url: str) -> str:
    """A session as a browser gets it: through the login page."""
    login = plant()["katrin.weber"]
    with httpx.Client(base_url=url, headers={"Referer": f"{url}/login/"}, timeout=60) as browser:
        browser.get("/login/")
        answer = browser.post(
            "/login/",
            data={
                "username": login["username"], "password": login["password"],
                "csrfmiddlewaretoken": browser.cookies["csrftoken"],
            },
        )  # fmt: skip
        if answer.status_code != 302:
            raise RuntimeError(f"the login answered {answer.status_code}")
        return "; ".join(f"{name}={value}" for name, value in browser.cookies.items())


async def _bare() -> list[float]:
    heard: list[float] = []
    sent: dict[int, float] = {}
    ready = asyncio.Semaphore(0)

    async def subscriber() -> None:
        async with redis.Redis.from_url(settings.REDIS_URL) as client, client.pubsub() as channel:
            await channel.subscribe("bench")
            async for message in channel.listen():
                if message["type"] == "subscribe":
                    ready.release()
                else:
                    heard.append((time.perf_counter() - sent[int(message["data"])]) * 1000)

    tasks = [asyncio.create_task(subscriber()) for _ in range(SOCKETS)]
    for _ in range(SOCKETS):
        await asyncio.wait_for(ready.acquire(), 60)
    async with redis.Redis.from_url(settings.REDIS_URL) as client:
        for number in range(MESSAGES):
            sent[number] = time.perf_counter()
            await client.publish("bench", str(number))
            await asyncio.sleep(PAUSE)
    await _all_heard(heard)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return heard
