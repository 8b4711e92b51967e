"""What the surroundings say, and what the launcher makes of it."""

import pytest

from execlayer import environment
from execlayer.launcher.options import Options


def test_a_database_address_with_escaped_parts_and_options():
    found = environment.database("postgresql://us%40er:p%2Fw@db.example:6432/plant?sslmode=require")
    assert (found["USER"], found["PASSWORD"], found["HOST"], found["PORT"]) == (
        "us@er",
        "p/w",
        "db.example",
        "6432",
    )
    assert found["NAME"] == "plant"
    assert found["OPTIONS"] == {"sslmode": "require"}


def test_another_kind_of_database_is_refused_in_words():
    with pytest.raises(ValueError, match="must start with postgresql://, not sqlite://"):
        environment.database("sqlite:///file.db")


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("redis://:pw@127.0.0.1:6379", "redis://:pw@127.0.0.1:6379/1"),
        ("rediss://cache.example:6380/7", "rediss://cache.example:6380/1"),
    ],
)
def test_another_numbered_database_of_the_same_redis(url, expected):
    assert environment.redis_database(url, 1) == expected


def test_defaults_of_make_run():
    options = Options.read({})
    assert (options.host, options.port, options.erp, options.simulate, options.tls) == (
        "127.0.0.1",
        8000,
        "tryton",
        True,
        False,
    )


@pytest.mark.parametrize("word", ["0", "false", "No", "off"])
def test_the_simulated_shift_can_be_switched_off(word):
    assert Options.read({"SIMULATE": word}).simulate is False


@pytest.mark.parametrize(
    ("environ", "words"),
    [({"PORT": "http"}, "PORT=http"), ({"PORT": "70000"}, "PORT=70000"), ({"ERP": "sap"}, "ERP=sap")],
)
def test_nonsense_is_named(environ, words):
    with pytest.raises(ValueError, match=words):
        Options.read(environ)


def test_serving_every_address_is_probed_on_loopback():
    options = Options.read({"HOST": "0.0.0.0"})  # noqa: S104  (read, not bound)
    assert options.probe_host == "127.0.0.1"
    assert {"127.0.0.1", "localhost"} <= set(options.names())
