"""Static files come from where they lie, whole, and with the headers that let browsers keep them."""

import asyncio
import warnings

from django.test import AsyncClient, Client

FILE = "/static/admin/css/base.css"


def test_a_file_under_asgi_without_a_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        answer = asyncio.run(AsyncClient().get(FILE))
    assert answer.status_code == 200
    assert answer["Content-Type"].startswith("text/css")
    assert int(answer["Content-Length"]) == len(answer.content) > 1000


def test_unchanged_since_the_last_look_is_not_sent_again():
    first = Client().get(FILE)
    again = Client().get(FILE, headers={"if-modified-since": first["Last-Modified"]})
    assert again.status_code == 304
    assert again.content == b""


def test_part_of_a_file():
    answer = Client().get(FILE, headers={"range": "bytes=0-9"})
    assert answer.status_code == 206
    assert len(answer.content) == 10


def test_no_such_file():
    assert Client().get("/static/nothing.css").status_code == 404
