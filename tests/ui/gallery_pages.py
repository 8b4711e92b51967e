"""The gallery: every component on model pages, filled with one plant moment, rendered by the real templates.

`python -m tests.ui.gallery_pages DIRECTORY` writes the pages (serve DIRECTORY over HTTP to see them); the tests render
them to prove that every template compiles with the context its head comment promises. Needs no database.
"""

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import django
from django.conf import settings
from django.template import engines
from django.template.backends.django import DjangoTemplates
from django.test import RequestFactory
from django.utils import timezone

from core import clock
from tests.ui.gallery_context import context
from tests.ui.gallery_moment import NOW, ZONE

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
PAGES = ("desk", "exception", "board", "station", "inbox", "sequence", "report", "parts")
PATHS = {"desk": "/", "exception": "/exceptions/EX-2026-004217/", "parts": "/postings/"}


def engine() -> DjangoTemplates:
    """The product's own engine with the gallery's pages in front."""
    chosen = settings.TEMPLATES[0]
    return DjangoTemplates(
        {
            "NAME": "gallery",
            "DIRS": [HERE / "gallery", *chosen["DIRS"]],
            "APP_DIRS": True,
            "OPTIONS": dict(chosen["OPTIONS"]),
        }
    )


def person() -> Any:
    """A reader with a name; stands in for request.user, since the gallery has no database."""

    class Reader(SimpleNamespace):
        def __str__(self) -> str:
            return "Ingrid Vogel"

    return Reader(is_authenticated=True, is_staff=True, is_active=True, is_anonymous=False)


def render(name: str, path: str = "/") -> str:
    request = RequestFactory().get(path)
    request.user = person()
    with clock.travel(NOW), timezone.override(ZONE):
        return engine().get_template(name).render(context(), request)


def write(directory: Path) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    for page in PAGES:
        (directory / f"{page}.html").write_text(render(f"{page}.html", PATHS.get(page, f"/{page}/")))
    for page in ("404", "403", "500", "registration/login"):
        (directory / f"{page.split('/')[-1]}.html").write_text(
            engines["django"].get_template(f"{page}.html").render()
        )
    link = directory / "static"
    if not link.exists():
        link.symlink_to(ROOT / "static")


if __name__ == "__main__":
    import os

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "execlayer.settings_test")
    django.setup()
    write(Path(sys.argv[1]))
