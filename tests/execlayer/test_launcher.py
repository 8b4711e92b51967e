"""The launcher, really run: everything comes up, heals, keeps its data, and leaves nothing behind however it ends."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path

import pytest

from execlayer.launcher.options import ROOT
from execlayer.launcher.ports import free_port, listen
from tests.execlayer.processes import alive, below, mentioning, until

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.timeout(400),
    pytest.mark.skipif(sys.platform != "linux", reason="reads /proc"),
]
GIVEN = (
    "DATABASE_URL",
    "REDIS_URL",
    "SECRET_KEY",
    "DJANGO_SETTINGS_MODULE",
    "PUBLIC_URL",
    "ALLOWED_HOSTS",
    "TLS",
    "HOST",
)


class Run:
    """One start of the launcher in `home`."""

    def __init__(self, home, output):
        self.home = home
        self.output = output
        environment = {name: value for name, value in os.environ.items() if name not in GIVEN}
        environment |= {"EXECLAYER_HOME": str(home), "ERP": "none", "SIMULATE": "0", "PORT": str(free_port())}
        with output.open("ab") as sink:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "execlayer.launcher"],
                cwd=ROOT,
                env=environment,
                stdout=sink,
                stderr=sink,
            )

    @property
    def facts(self):
        try:
            return json.loads((self.home / "run.json").read_text())
        except OSError:
            return {}

    def said(self):
        return self.output.read_text(errors="replace")

    def wait_ready(self):
        def probe():
            assert self.process.poll() is None, self.said()[-4000:]
            return self.facts.get("ready")

        until(probe, 240, "the first page")
        until(lambda: any(" beat " in words for words in below(self.process.pid).values()), 60, "beat")

    def get(self, path):
        with urllib.request.urlopen(self.facts["url"] + path, timeout=20) as answer:
            return answer.read().decode()

    def heartbeat_age(self):
        for line in self.get("/metrics").splitlines():
            if line.startswith('execlayer_heartbeat_age_seconds{part="worker"}'):
                return float(line.rsplit(" ", 1)[1])
        return float("inf")


@pytest.fixture(scope="module")
def home():
    with tempfile.TemporaryDirectory(prefix="execlayer-launcher-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o711)  # the database's own user must be able to pass
        yield Path(folder) / "home"
        for pid in mentioning(Path(folder)):
            os.kill(pid, signal.SIGKILL)


def test_comes_up_heals_keeps_its_data_and_leaves_nothing(home, tmp_path):
    # given a first start in an empty home
    first = Run(home, tmp_path / "first.log")
    first.wait_ready()
    children = below(first.process.pid)
    assert json.loads(first.get("/readyz"))["ready"] is True
    assert len([words for words in children.values() if "execlayer.web" in words]) == 2
    roles = {login["role"] for login in first.facts["logins"]}
    assert {"operator", "responder", "planner", "administrator"} <= roles
    assert all(
        login["username"] and login["password"] and login["api_token"] for login in first.facts["logins"]
    )
    assert oct((home / "secrets.json").stat().st_mode)[-3:] == "600"
    assert oct((home / "run.json").stat().st_mode)[-3:] == "600"
    until(lambda: first.heartbeat_age() < 20, 60, "a heartbeat through beat, broker and worker")

    # a second start in the same home is refused and names the first
    refused = subprocess.run(
        [sys.executable, "-m", "execlayer.launcher"],
        cwd=ROOT, env=os.environ | {"EXECLAYER_HOME": str(home)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert refused.returncode == 3
    assert first.facts["url"] in refused.stderr

    # when the broker and a worker are killed
    for pid, words in children.items():
        if "valkey-server" in words or ("celery" in words and "-Q work" in words):
            os.kill(pid, signal.SIGKILL)
    victims = {pid: words for pid, words in children.items() if "celery" in words and "-Q work" in words}
    until(lambda: not alive(victims), 20, "the killed worker's pool is gone")
    # then they come back at the same address and work goes on
    until(lambda: "starting again" in first.said(), 20, "a restart")
    until(lambda: first.heartbeat_age() > 5, 60, "the last heartbeat to grow old")
    until(lambda: first.heartbeat_age() < 4, 90, "a heartbeat after the restart")

    # when the launcher itself is killed without a chance to tidy up
    everything = below(first.process.pid)
    assert any("postgres" in words for words in everything.values())
    first.process.kill()
    first.process.wait()
    # then nothing of it is left
    until(lambda: not alive(everything) and not mentioning(home), 30, "every process to end")

    # and a second start keeps the data, without setting anything up again
    logins = first.facts["logins"]
    second = Run(home, tmp_path / "second.log")
    second.wait_ready()
    assert second.facts["logins"] == logins
    assert "setting up the demo plant" not in second.said()
    assert "bringing the database up to date" not in second.said()

    # when it is asked to stop
    everything = below(second.process.pid)
    second.process.send_signal(signal.SIGINT)
    assert second.process.wait(60) == 0
    # then it ends everything itself
    assert alive(everything) == {}
    assert mentioning(home) == {}
    assert "stopped after" in second.said()
    assert second.facts["ready"] is False


def test_a_port_taken_by_another_program_is_left_alone():
    wanted = free_port()
    with listen("127.0.0.1", wanted) as taken, listen("127.0.0.1", wanted) as ours:
        assert taken.getsockname()[1] == wanted
        assert wanted < ours.getsockname()[1] < wanted + 50
