"""The launcher starts a bridge when a source wants one, and asks the database no more than it must."""

import os
from urllib.parse import urlsplit, urlunsplit

import pytest
from django.db import connection

from exceptions_app.models import Source
from execlayer.launcher import bridges
from execlayer.launcher.bridges import Bridges
from execlayer.launcher.options import Options


def database_url() -> str:
    parts = urlsplit(os.environ["DATABASE_URL"])
    return urlunsplit(parts._replace(path=f"/{connection.settings_dict['NAME']}"))


@pytest.mark.django_db(transaction=True)
def test_a_bridge_starts_with_the_first_active_source_and_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bridges, "LOOK_EVERY", 0)
    started: list[tuple[str, list[str]]] = []
    looking = Bridges("auto", database_url(), lambda name, arguments: started.append((name, arguments)))
    looking.tend()
    source = Source.objects.create(code="m", name="M", channel="machine", adapter="mqtt", active=False)
    looking.tend()
    assert started == []
    source.active = True
    source.save()
    looking.tend()
    looking.tend()
    assert started == [("bridge-mqtt", ["manage.py", "bridge_mqtt"])]


def test_bridges_are_started_at_once_or_never_when_that_is_asked_for() -> None:
    started: list[str] = []
    Bridges("1", "postgresql://nobody@127.0.0.1:1/x", lambda name, arguments: started.append(name)).tend()
    assert started == [f"bridge-{adapter}" for adapter in sorted(bridges.COMMANDS)]
    started.clear()
    for wanted in ("0", "auto"):  # auto: the database cannot be asked
        Bridges(
            wanted, "postgresql://nobody@127.0.0.1:1/x", lambda name, arguments: started.append(name)
        ).tend()
    assert started == []
    assert [Options.read({"BRIDGES": word}).bridges for word in ("0", "off", "1", "yes", "auto", "")] == [
        "0", "0", "1", "1", "auto", "auto",
    ]  # fmt: skip
    assert Options.read({}).bridges == "auto"
