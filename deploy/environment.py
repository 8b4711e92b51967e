"""Makes the checkout's own virtual environment hold exactly one pinned requirements file.

Runs under any Python 3.11+, standard library only, before anything is installed. A stamp with the file's hash lets
later starts skip the work; `dev` contains `base`, so asking for `base` never shrinks an environment made for `dev`.
"""

import argparse
import hashlib
import subprocess
import sys
import time
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
SUPERSETS = {"base": ("base", "dev"), "dev": ("dev",)}


def wanted(name: str) -> str:
    """What the stamp must say for `name` to be installed."""
    return hashlib.sha256((ROOT / "requirements" / f"{name}.txt").read_bytes()).hexdigest()


def stamp(name: str) -> Path:
    return VENV / f"requirements-{name}.sha256"


def installed(name: str) -> bool:
    return any(
        stamp(other).exists() and stamp(other).read_text().strip() == wanted(other)
        for other in SUPERSETS[name]
    )


def usable() -> bool:
    if not PYTHON.exists():
        return False
    try:
        return (
            subprocess.run([PYTHON, "-m", "pip", "--version"], capture_output=True, check=False).returncode
            == 0
        )
    except OSError:
        return False


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("requirements", choices=sorted(SUPERSETS))
    name = parser.parse_args().requirements
    if PYTHON.exists() and installed(name):
        return 0
    started = time.monotonic()
    if not usable():
        print(f"making {VENV.name} with Python {sys.version.split()[0]}", flush=True)
        venv.EnvBuilder(with_pip=True, clear=VENV.exists()).create(VENV)
    print(f"installing requirements/{name}.txt (pinned, with hashes)", flush=True)
    done = subprocess.run(
        [
            PYTHON, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input",
            "--require-hashes", "--only-binary", ":all:", "-r", ROOT / "requirements" / f"{name}.txt",
        ],
        check=False,
    )  # fmt: skip
    if done.returncode:
        print(
            "installing failed; the lines above say why (a package registry must be reachable once)",
            file=sys.stderr,
        )
        return done.returncode
    for packages in VENV.glob("lib/python*/site-packages"):
        (packages / "execlayer-checkout.pth").write_text(f"{ROOT}\n")
    stamp(name).write_text(wanted(name) + "\n")
    print(f"environment ready after {time.monotonic() - started:.0f} s", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
