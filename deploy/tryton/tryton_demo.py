# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright the authors of this repository. Licensed under the GNU GPL, version 3 or later; see LICENSE here.
"""Builds, seeds and runs Tryton 8.0 beside the product, as a program of its own.

    tryton_demo.py up --home DIR --port N --database-url URL --password-file F [--plant plant.json]
    tryton_demo.py build-template NAME --home DIR --database-url URL --password-file F --plant plant.json
    tryton_demo.py clone TEMPLATE NAME --home DIR --database-url URL
    tryton_demo.py serve --database NAME --home DIR --port N --database-url URL

Needs only Python's standard library; Tryton lives in a virtual environment below the cache folder
(EXECLAYER_CACHE, or ~/.cache/execlayer), with dumps of the built databases so that the next build takes seconds.
The database server is given; the URL's user must be allowed to create databases. A database appears under its
name only when it is complete, so an interrupted build simply starts over. Prints `state: building <step>`, then
`state: ready <url> <database>`, or `state: failed <why>`. Ends with its parent.
"""

import argparse
import ctypes
import json
import os
import secrets
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from tryton_build import Build, Failed, NoRegistry, say  # noqa: E402

READY_WITHIN = 120.0
DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG


def die_with_parent() -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(DEATH_SIGNAL, signal.SIGTERM)


def wait_for_plant(path: Path) -> None:
    """The product writes the plant file once its own demo data is there; that may be after our start."""
    if not path.exists():
        say(f"building waiting for {path.name}")
    while not path.exists():
        time.sleep(0.5)


def secret_file(path: Path) -> Path:
    """A file with a random secret, made once."""
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(secrets.token_urlsafe(24))
    return path


def connection_file(home: Path, plant: Path, url: str, database: str) -> None:
    """What the product's connection needs to know of this Tryton: where it is, and its own codes for our words."""
    blocked = {}
    if plant.exists():
        for place in json.loads(plant.read_text())["locations"]:
            if place["kind"] == "blocked":
                blocked.setdefault(place["site"], place["code"])
    accounts = {
        "downtime": "6910", "scrap": "6920", "rework": "6930", "premium_freight": "6940", "overtime": "6950",
        "sorting": "6960", "charge_to_supplier": "6970", "clearing": "6999",
    }  # fmt: skip
    content = {
        "kind": "tryton",
        "url": url,
        "database": database,
        "username": "integration",
        "settings": {"blocked": blocked, "cost_accounts": accounts, "quality_control": "Floor finding"},
    }
    fresh = home / "connection.json.part"
    fresh.write_text(json.dumps(content, indent=1))
    fresh.replace(home / "connection.json")


def serve(build: Build, database: str, port: int) -> int:
    """Run the server in the foreground until it ends or we are told to."""
    config = build.configuration(port)
    log = (build.home / "trytond.log").open("ab")
    server = subprocess.Popen(
        [build.program("trytond"), "-c", str(config), "-d", database],
        stdout=log,
        stderr=log,
        env=build.environment(),
        preexec_fn=die_with_parent,
    )

    def end(number: int, frame: object) -> None:
        server.terminate()

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    url = f"http://127.0.0.1:{port}"
    if wait_until_loaded(server, f"{url}/{database}/rest/model/res.user"):
        say(f"ready {url} {database}")
    elif server.poll() is None:
        server.terminate()
        say(f"failed Tryton did not answer within {READY_WITHIN:.0f} s, see {build.home / 'trytond.log'}")
    code = server.wait()
    return 0 if code in (0, -signal.SIGTERM) else 1


def wait_until_loaded(server: subprocess.Popen, address: str) -> bool:
    """Ask a REST address once: a login before the server has loaded the database would fail for good."""
    deadline = time.monotonic() + READY_WITHIN
    while server.poll() is None and time.monotonic() < deadline:
        try:
            urllib.request.urlopen(address, timeout=READY_WITHIN).close()
        except urllib.error.HTTPError as answer:
            return answer.code < 500
        except OSError:
            time.sleep(0.2)
        else:
            return True
    return False


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    for name in ("up", "build-template", "clone", "serve"):
        command = commands.add_parser(name)
        command.add_argument("--home", type=Path, required=True)
        # The variable keeps the password out of the process list.
        command.add_argument("--database-url", default=os.environ.get("TRYTON_DATABASE_URL"))
        if name == "clone":
            command.add_argument("template")
        if name in ("build-template", "clone"):
            command.add_argument("name")
        if name in ("up", "serve"):
            command.add_argument("--port", type=int, required=True)
            command.add_argument("--database", default="tryton")
        if name in ("up", "build-template"):
            command.add_argument("--plant", type=Path)
            command.add_argument("--password-file", type=Path, required=True)
    options = parser.parse_args()
    if not options.database_url:
        parser.error("give --database-url or TRYTON_DATABASE_URL")
    return options


def run(options: argparse.Namespace) -> int:
    options.home.mkdir(mode=0o700, parents=True, exist_ok=True)
    build = Build(home=options.home.resolve(), server=options.database_url)
    if options.command == "clone":
        build.prepare()
        build.clone(options.template, options.name)
        return 0
    if options.command == "serve":
        build.prepare()
        return serve(build, options.database, options.port)
    database = options.database if options.command == "up" else options.name
    plant = options.plant or build.home / "plant.json"
    admin = secret_file(build.home / "admin-password")
    build.prepare()
    if not build.exists(database):
        if not plant.exists():
            build.warm(admin)
        wait_for_plant(plant)
        build.make(database, plant, options.password_file, admin)
    build.keep_passwords(database, options.password_file, admin)
    if options.command == "build-template":
        return 0
    connection_file(build.home, plant, f"http://127.0.0.1:{options.port}", database)
    return serve(build, database, options.port)


def main() -> int:
    die_with_parent()
    options = parse()
    try:
        return run(options)
    except NoRegistry as error:
        say(f"failed {error}")
        return 3
    except Failed as error:
        say(f"failed {error}")
        return 1
    except KeyboardInterrupt:
        return 0


if __name__ == "__main__":
    sys.exit(main())
