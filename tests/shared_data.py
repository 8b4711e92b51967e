"""Licensed samples and corpora that lie beside a checkout, in `../shared/data`, and are no part of the project."""

from pathlib import Path

import pytest

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
FIXTURES = ("capture", "fixtures")  # messages as providers send them


def shared(*parts: str) -> Path:
    """A path there; the test is skipped by name where it is absent."""
    found = DATA.joinpath(*parts)
    if not found.exists():
        pytest.skip(f"shared data is not here: {'/'.join(parts)}")
    return found
