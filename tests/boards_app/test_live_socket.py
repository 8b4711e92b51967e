"""The socket: who may listen to what, what arrives after a commit, and that silence does not end it."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from channels.layers import channel_layers
from django.conf import settings
from django.db import transaction

from boards_app import consumers
from boards_app.selectors.groups import Listener, allowed_groups
from core import hints
from exceptions_app import services as exceptions
from execlayer.asgi import application
from plant_app.authentication import DEVICE_COOKIE
from plant_app.models import AccessGrant, User
from plant_app.services.access import pair_device, revoke_device
from tests.boards_app.line import Line
from tests.boards_app.pages import DOWN
from tests.decisions_app.conftest import Report
from tests.live_pages import session_of
from tests.plant_fixtures import KolbeMini


@pytest.fixture(autouse=True)
def _fresh_layer() -> Iterator[None]:
    """A channel layer keeps its connection to the loop it was first used in; every test has a loop of its own."""
    channel_layers.backends.clear()
    yield
    channel_layers.backends.clear()


def cookie_of(user: User) -> str:
    """A login of `user` as the browser would keep it."""
    return f"{settings.SESSION_COOKIE_NAME}={session_of(user)}"


def socket(cookie: str = "", origin: str = "http://localhost") -> Line:
    headers = [(b"origin", origin.encode()), (b"host", b"localhost")]
    if cookie:
        headers.append((b"cookie", cookie.encode()))
    return Line(application, "/ws/live/", headers=headers)


async def opened(user: User) -> Line:
    """A connected socket of `user`, its greeting read."""
    line = socket(await sync_to_async(cookie_of)(user))
    assert await line.connect()
    hello = await line.hear()
    assert hello["type"] == "hello"
    assert hello["at"] == hello["now"]
    return line


async def subscribed(line: Line, *groups: str) -> dict[str, Any]:
    await line.say({"type": "subscribe", "groups": list(groups)})
    return await line.hear()


@pytest.mark.django_db(transaction=True)
class TestSocket:
    """Runs with real commits: a hint is only sent after one."""

    def test_a_stranger_is_turned_away(self, plant: KolbeMini) -> None:
        async def story() -> None:
            assert not await socket().connect()

        asyncio.run(story())

    def test_a_foreign_page_is_turned_away(self, plant: KolbeMini) -> None:
        async def story() -> None:
            cookie = await sync_to_async(cookie_of)(plant.people["ingrid.vogel"])
            assert not await socket(cookie, origin="https://elsewhere.example").connect()

        asyncio.run(story())

    def test_a_person_hears_their_own_site_and_nothing_else(self, plant: KolbeMini, report: Report) -> None:
        person = plant.people["priya.nair"]
        other = plant.people["jonas.keller"]
        exception = report(DOWN)

        async def story() -> None:
            line = await opened(person)
            own = [
                f"site.{plant.rhf.pk}",
                f"area.{plant.areas['FORM'].pk}",
                f"exception.{exception.pk}",
                f"user.{person.pk}",
                f"sequence.{plant.centres['PRESS'].pk}",
                "postings",
            ]
            foreign = [
                f"site.{plant.gvl.pk}",
                f"area.{plant.areas['GMACH'].pk}",
                f"user.{other.pk}",
                f"sequence.{plant.centres['GMILL'].pk}",
                "exception.999999",
                "nonsense",
                "site.1; drop",
            ]
            answer = await subscribed(line, *own, *foreign)
            assert answer["groups"] == own
            assert answer["refused"] == foreign
            await line.hang_up()

        asyncio.run(story())

    def test_a_committed_change_reaches_the_page_of_the_exception(
        self, plant: KolbeMini, report: Report
    ) -> None:
        exception = report(DOWN)
        response = exception.responses.select_related("person").get(is_owner=True)

        def acknowledge() -> None:
            exceptions.acknowledge(response_id=response.pk, actor=response.person, via="inbox")

        async def story() -> None:
            line = await opened(plant.people["ingrid.vogel"])
            group = f"exception.{exception.pk}"
            await subscribed(line, group)
            await sync_to_async(acknowledge)()
            message = await line.hear()
            assert (message["type"], message["group"], message["kind"]) == ("hint", group, "exception")
            assert (message["ref"], message["change"]) == (exception.ref, "acknowledged")
            assert message["now"]
            await line.hang_up()

        asyncio.run(story())

    def test_nothing_is_heard_of_a_change_that_was_rolled_back(self, plant: KolbeMini) -> None:
        site = f"site.{plant.rhf.pk}"

        def fail() -> None:
            with transaction.atomic():
                hints.hint(site, kind="exception")
                transaction.set_rollback(True)

        async def story() -> None:
            line = await opened(plant.people["ingrid.vogel"])
            await subscribed(line, site)
            await sync_to_async(fail)()
            assert await line.silent()
            await line.hang_up()

        asyncio.run(story())

    def test_a_silent_socket_still_hears_after_six_seconds(self, plant: KolbeMini) -> None:
        site = f"site.{plant.rhf.pk}"

        async def story() -> None:
            line = await opened(plant.people["ingrid.vogel"])
            await subscribed(line, site)
            await asyncio.sleep(6.5)
            await sync_to_async(hints.hint)(site, kind="stock", item=4)
            message = await line.hear()
            assert (message["kind"], message["item"]) == ("stock", 4)
            await line.hang_up()

        asyncio.run(story())

    def test_groups_no_longer_named_are_left(self, plant: KolbeMini) -> None:
        site, area = f"site.{plant.rhf.pk}", f"area.{plant.areas['FORM'].pk}"

        async def story() -> None:
            line = await opened(plant.people["ingrid.vogel"])
            await subscribed(line, site, area)
            assert (await subscribed(line, area))["groups"] == [area]
            await sync_to_async(hints.hint)(site, kind="exception")
            await sync_to_async(hints.hint)(area, kind="unit")
            message = await line.hear()
            assert (message["group"], message["kind"]) == (area, "unit")
            await line.hang_up()

        asyncio.run(story())

    def test_a_fragment_arrives_as_it_was_rendered(self, plant: KolbeMini) -> None:
        area = f"area.{plant.areas['FORM'].pk}"

        async def story() -> None:
            line = await opened(plant.people["ingrid.vogel"])
            await subscribed(line, area)
            await sync_to_async(hints.fragment)(
                area, target="unit-4", html='<article id="unit-4">Down</article>'
            )
            message = await line.hear()
            assert (message["type"], message["target"]) == ("fragment", "unit-4")
            assert message["html"] == '<article id="unit-4">Down</article>'
            await line.hang_up()

        asyncio.run(story())

    def test_a_ping_is_answered_with_the_servers_time(self, plant: KolbeMini) -> None:
        async def story() -> None:
            line = await opened(plant.people["ingrid.vogel"])
            await line.say({"type": "ping"})
            pong = await line.hear()
            assert pong["type"] == "pong"
            assert pong["now"].endswith("+00:00")
            await line.hang_up()

        asyncio.run(story())

    @pytest.mark.parametrize("said", ["not json", "[1, 2]", '{"type": "dance"}', '{"subscribe": "site.1"}'])
    def test_what_is_not_understood_ends_the_line(self, plant: KolbeMini, said: str) -> None:
        async def story() -> None:
            line = await opened(plant.people["ingrid.vogel"])
            await line.say(said)
            assert await line.hear_code() == consumers.NOT_UNDERSTOOD
            await line.hang_up()

        asyncio.run(story())

    def test_more_groups_than_a_page_can_show_are_refused(
        self, plant: KolbeMini, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(consumers, "MOST_GROUPS", 1)
        site, user = f"site.{plant.rhf.pk}", f"user.{plant.people['ingrid.vogel'].pk}"

        async def story() -> None:
            line = await opened(plant.people["ingrid.vogel"])
            answer = await subscribed(line, site, user)
            assert (answer["groups"], answer["refused"]) == ([site], [user])
            await line.hang_up()

        asyncio.run(story())

    def test_a_chattering_page_is_cut_off(self, plant: KolbeMini, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(consumers, "MOST_MESSAGES", 2)

        async def story() -> None:
            line = await opened(plant.people["ingrid.vogel"])
            for _ in range(3):
                await line.say({"type": "ping"})
            assert [(await line.hear())["type"] for _ in range(2)] == ["pong", "pong"]
            assert await line.hear_code() == consumers.TOO_MANY
            await line.hang_up()

        asyncio.run(story())

    def test_access_that_ended_is_noticed_while_the_page_stays_open(
        self, plant: KolbeMini, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(consumers, "BEAT_SECONDS", 0.2)
        monkeypatch.setattr(consumers, "CHECK_SECONDS", 0.0)
        person = plant.people["priya.nair"]
        site = f"site.{plant.rhf.pk}"

        async def story() -> None:
            line = await opened(person)
            await subscribed(line, site)
            await AccessGrant.objects.filter(user=person).adelete()
            # two beats later the grants have certainly been read again
            for _ in range(2):
                assert (await line.hear())["type"] == "beat"
            await sync_to_async(hints.hint)(site, kind="exception")
            kinds = [(await line.hear())["type"] for _ in range(3)]
            assert kinds == ["beat", "beat", "beat"]
            await User.objects.filter(pk=person.pk).aupdate(is_active=False)
            assert await line.hear_code() == consumers.NOT_ALLOWED
            await line.hang_up()

        asyncio.run(story())

    def test_a_paired_screen_hears_its_site_but_opens_no_record(
        self, plant: KolbeMini, report: Report
    ) -> None:
        exception = report(DOWN)
        device, secret = pair_device(site=plant.rhf, name="Press screen", work_centre=plant.centres["PRESS"])
        named = [
            f"area.{plant.areas['FORM'].pk}",
            f"sequence.{plant.centres['PRESS'].pk}",
            f"area.{plant.areas['GMACH'].pk}",
            f"exception.{exception.pk}",
            f"user.{plant.people['piotr.nowak'].pk}",
            "postings",
        ]

        async def story() -> None:
            line = socket(f"{DEVICE_COOKIE}={secret}")
            assert await line.connect()
            await line.hear()
            answer = await subscribed(line, *named)
            assert (answer["groups"], answer["refused"]) == (named[:2], named[2:])
            await line.hang_up()
            await sync_to_async(revoke_device)(device=device)
            assert not await socket(f"{DEVICE_COOKIE}={secret}").connect()

        asyncio.run(story())


@pytest.mark.django_db
def test_an_operator_hears_no_postings(plant: KolbeMini) -> None:
    operator = Listener(user=plant.people["piotr.nowak"])
    assert allowed_groups(operator, ["postings", "report"]) == []
    planner = Listener(user=plant.people["ingrid.vogel"])
    assert allowed_groups(planner, ["postings", "report"]) == ["postings", "report"]


@pytest.mark.django_db
def test_many_groups_cost_one_query_a_kind(plant: KolbeMini, django_assert_max_num_queries: Any) -> None:
    listener = Listener(user=plant.people["ingrid.vogel"])
    names = [
        f"{kind}.{number}"
        for kind in ("site", "area", "exception", "sequence", "user")
        for number in range(60)
    ]
    with django_assert_max_num_queries(4):
        allowed_groups(listener, names)
