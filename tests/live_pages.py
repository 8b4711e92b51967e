"""The product's pages in a real browser, for the tests of every app that has pages.

They are served by the product's own ASGI application in a thread; a test changes the plant behind their back with
`aside`. The fixtures reach every test by way of `tests/conftest.py`.
"""

import gc
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import pytest
import uvicorn
from channels.layers import channel_layers
from django.contrib.sessions.backends.db import SessionStore
from django.db import connections
from playwright.sync_api import Browser, Page, expect

from execlayer.asgi import application
from plant_app.models import User
from tests.chromium import running_chromium
from tests.plant_fixtures import KolbeMini

T = TypeVar("T")
Open = Callable[[str, str], Page]
PATIENCE = 20_000


def aside(work: Callable[[], T]) -> T:
    """Run `work` in a thread of its own: the browser's driver keeps a loop in this one, where the ORM refuses."""

    def run() -> T:
        try:
            return work()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(run).result()


def session_of(user: User) -> str:
    """The key of a session `user` is signed in with."""
    session = SessionStore()
    session["_auth_user_id"] = str(user.pk)
    session["_auth_user_backend"] = "django.contrib.auth.backends.ModelBackend"
    session["_auth_user_hash"] = user.get_session_auth_hash()
    session.create()
    return str(session.session_key)


@pytest.fixture
def address() -> Iterator[str]:
    """Where the product answers."""
    channel_layers.backends.clear()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = uvicorn.Server(uvicorn.Config(application, port=port, log_level="error", lifespan="off"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    for _ in range(200):
        if server.started:
            break
        threading.Event().wait(0.05)
    assert server.started
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join(timeout=20)
    channel_layers.backends.clear()
    gc.collect()  # requests the end cut off leave their connections to the database open until then


@pytest.fixture
def chromium(plant: KolbeMini) -> Iterator[Browser]:
    """A headless Chromium of this machine, inside the plant's life: its loop holds this thread while it is open."""
    with running_chromium() as browser:
        yield browser


@pytest.fixture
def open_page(plant: KolbeMini, address: str, chromium: Browser) -> Iterator[Open]:
    """A page of one of the plant's people, live; a script error fails the test."""
    contexts, errors = [], []

    def log_in(username: str) -> str:
        return session_of(User.objects.get(username=username))

    def show(username: str, path: str) -> Page:
        context = chromium.new_context(viewport={"width": 1440, "height": 900}, base_url=address)
        context.add_cookies([{"name": "sessionid", "value": aside(lambda: log_in(username)), "url": address}])
        context.set_default_timeout(PATIENCE)
        page = context.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(path)
        expect(page.locator("html")).to_have_attribute("data-live-state", "live", timeout=PATIENCE)
        contexts.append(context)
        return page

    yield show
    for context in contexts:
        context.close()
    assert errors == []
