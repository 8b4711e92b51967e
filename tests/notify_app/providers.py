"""One local server that speaks the messengers' own HTTP protocols, checks their keys, and can be told to misbehave."""

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from threading import Thread
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from PIL import Image

from tests.exceptions_app.messengers import ACCESS_TOKEN, ACCOUNT, AUTH_TOKEN, BOT_TOKEN


def _photo() -> bytes:
    drawn = BytesIO()
    Image.new("RGB", (32, 24), "red").save(drawn, "JPEG")
    return drawn.getvalue()


PHOTO = _photo()


@dataclass
class Provider:
    """What arrived; `fail` holds (status, headers, body) answers to give first, `files` what can be fetched."""

    url: str = ""
    sent: list[dict[str, Any]] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    fail: list[tuple[int, dict[str, str], Any]] = field(default_factory=list)
    asked: list[tuple[str, str]] = field(default_factory=list)
    media_url: str = ""
    huge: bool = False

    def texts(self) -> list[str]:
        return [one["text"] for one in self.sent]


@contextmanager
def provider() -> Iterator[Provider]:
    """A provider on a free port until the block ends."""
    book = Provider()

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, format: str, *args: Any) -> None:
            """Tests look at what arrived instead."""

        def answer(self, status: int, body: Any, headers: dict[str, str] | None = None) -> None:
            raw = body if isinstance(body, bytes) else json.dumps(body).encode()
            self.send_response(status)
            for name, value in {"Content-Type": "application/json", **(headers or {})}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

        def do_POST(self) -> None:
            raw = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            if book.fail:
                status, headers, body = book.fail.pop(0)
                self.answer(status, body, headers)
                return
            path = urlsplit(self.path).path
            if path.startswith("/graph/"):
                self.whatsapp(path, json.loads(raw))
            elif path.startswith("/2010-04-01/"):
                self.twilio(path, dict(parse_qsl(raw.decode())))
            elif path == "/slack/chat.postMessage":
                self.slack(json.loads(raw))
            elif path == "/teams-workflow":
                (card,) = json.loads(raw)["attachments"]
                text = card["content"]["body"][0]["text"]
                book.sent.append({"to": "teams", "text": text})
                self.answer(202, b"")
            else:
                self.answer(404, {})

        def whatsapp(self, path: str, body: dict[str, Any]) -> None:
            if self.headers.get("Authorization") != f"Bearer {ACCESS_TOKEN}":
                book.refused.append(path)
                self.answer(401, {"error": {"code": 190, "message": "Invalid OAuth access token"}})
                return
            assert body["messaging_product"] == "whatsapp"
            if body["type"] == "template":
                text = body["template"]["components"][0]["parameters"][0]["text"]
            else:
                text = body["text"]["body"]
            number = path.split("/")[2]
            book.sent.append({"from": number, "to": body["to"], "text": text, "body": body})
            message_id = f"wamid.out{len(book.sent)}"
            contacts = [{"input": body["to"], "wa_id": body["to"]}]
            self.answer(
                200, {"messaging_product": "whatsapp", "contacts": contacts, "messages": [{"id": message_id}]}
            )

        def twilio(self, path: str, form: dict[str, str]) -> None:
            wanted = base64.b64encode(f"{ACCOUNT}:{AUTH_TOKEN}".encode()).decode()
            if self.headers.get("Authorization") != f"Basic {wanted}":
                book.refused.append(path)
                self.answer(401, {"code": 20003, "message": "Authenticate"})
                return
            assert path == f"/2010-04-01/Accounts/{ACCOUNT}/Messages.json"
            if form["To"].endswith("0000"):
                self.answer(400, {"code": 21211, "message": "Invalid 'To' Phone Number"})
                return
            text = form.get("Body") or json.loads(form["ContentVariables"])["1"]
            book.sent.append({"from": form["From"], "to": form["To"], "text": text, "body": form})
            self.answer(201, {"sid": f"SM{len(book.sent):032d}", "status": "queued"})

        def slack(self, body: dict[str, Any]) -> None:
            if self.headers.get("Authorization") != f"Bearer {BOT_TOKEN}":
                book.refused.append("slack")
                self.answer(200, {"ok": False, "error": "invalid_auth"})
                return
            if body["channel"] == "CGONE":
                self.answer(200, {"ok": False, "error": "channel_not_found"})
                return
            book.sent.append({"to": body["channel"], "thread": body["thread_ts"], "text": body["text"]})
            self.answer(
                200, {"ok": True, "channel": body["channel"], "ts": f"1763379999.{len(book.sent):06d}"}
            )

        def do_GET(self) -> None:
            path = urlsplit(self.path).path
            book.asked.append((path, self.headers.get("Authorization", "")))
            if book.fail:
                status, headers, body = book.fail.pop(0)
                self.answer(status, body, headers)
            elif path == "/graph/65463453":
                url = book.media_url or f"{book.url}/media/65463453"
                self.answer(200, {"id": "65463453", "url": url, "mime_type": "image/jpeg"})
            elif path == "/moved":
                self.answer(307, b"", {"Location": book.media_url or f"{book.url}/media/x"})
            elif path == "/login":
                self.answer(200, b"<html>log in</html>", {"Content-Type": "text/html"})
            elif path.startswith("/media/"):
                data = b"x" * 26_000_000 if book.huge else PHOTO
                self.answer(200, data, {"Content-Type": "image/jpeg"})
            else:
                self.answer(404, {})

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    book.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield book
    finally:
        server.shutdown()
        server.server_close()
        thread.join(timeout=10)
