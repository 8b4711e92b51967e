"""A connection speaks to its own hosts and to nobody else, whatever an answer or the environment says."""

import re
import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest

from erp_sync.adapters import outbound
from erp_sync.adapters.outbound import Guard, client, hosts_of
from erp_sync.adapters.tryton.client import Access, Client
from erp_sync.errors import ErpUnavailable
from execlayer.launcher.certificate import ensure


class Server(ThreadingHTTPServer):
    """Answers what `says` holds; `got` lists the paths asked."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.got: list[str] = []
        self.says: tuple[int, str] = (200, "")
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self.rfile.read(int(self.headers.get("content-length") or 0))
        self.server.got.append(self.path)
        status, location = self.server.says
        self.send_response(status)
        if location:
            self.send_header("location", location)
        self.send_header("content-length", "0")
        self.end_headers()

    do_POST = do_GET

    def log_message(self, format: str, *args: object) -> None:
        return None


@pytest.fixture
def servers() -> Iterator[tuple[Server, Server]]:
    pair = Server(), Server()
    yield pair
    for server in pair:
        server.shutdown()
        server.server_close()


def test_another_host_is_refused_before_anything_is_sent(servers: tuple[Server, Server]) -> None:
    own, other = servers
    http = client({"url": own.url, "token_url": ""})

    with pytest.raises(ErpUnavailable) as caught:
        http.get(f"{other.url}/steal")

    assert (caught.value.code, caught.value.sent) == ("erp.host_refused", False)
    assert (http.get(f"{own.url}/fine").status_code, own.got, other.got) == (200, ["/fine"], [])


@pytest.mark.parametrize(
    ("status", "sent"), [(307, False), (308, False), (301, False), (302, True), (303, True)]
)
def test_redirects_to_another_host_are_refused_by_name(
    servers: tuple[Server, Server], status: int, sent: bool
) -> None:
    own, other = servers
    own.says = (status, f"{other.url}/steal")

    with pytest.raises(ErpUnavailable, match=f"127.0.0.1:{other.server_port}") as caught:
        client({"url": own.url}).post(f"{own.url}/post", content=b"x")

    assert (caught.value.code, caught.value.sent, other.got) == ("erp.host_refused", sent, [])


def test_redirects_to_the_own_host_are_not_followed_either(servers: tuple[Server, Server]) -> None:
    own, _other = servers
    own.says = (302, "/elsewhere")
    assert client({"url": own.url}).get(f"{own.url}/post").status_code == 302
    assert own.got == ["/post"]


def test_a_proxy_of_the_environment_is_not_used(
    servers: tuple[Server, Server], monkeypatch: pytest.MonkeyPatch
) -> None:
    own, other = servers
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, other.url)
    assert client({"url": own.url}).get(f"{own.url}/direct").status_code == 200
    assert (own.got, other.got) == (["/direct"], [])


def test_a_login_service_of_its_own_is_among_the_hosts() -> None:
    hosts = hosts_of({"url": "https://erp.example", "token_url": "https://login.example:8443/token"})
    assert hosts == {("https", "erp.example", 443), ("https", "login.example", 8443)}
    assert hosts_of({"url": "https://erp.example", "token_url": "https://x/"}, ("url",)) == {
        ("https", "erp.example", 443)
    }


@pytest.mark.parametrize(
    "link",
    ["https://evil.example/x", "//evil.example/x", "http://erp.example/x", "https://erp.example:444/x",
     "https://erp.example@evil.example/x", "https://erp.example.evil.example/", "ftp://erp.example/x", "https://[::1"],
)  # fmt: skip
def test_links_that_leave_are_refused(link: str) -> None:
    with pytest.raises(ErpUnavailable) as caught:
        Guard(hosts_of({"url": "https://erp.example/base/"})).own("https://erp.example/base/", link)
    assert (caught.value.code, caught.value.sent) == ("erp.host_refused", False)


def test_links_that_stay_are_made_whole() -> None:
    guard = Guard(hosts_of({"url": "https://ERP.example:443/base/"}))
    assert guard.own("https://erp.example/base/", "next?page=2") == "https://erp.example/base/next?page=2"
    assert guard.own("https://erp.example/base/", "https://erp.example/x") == "https://erp.example/x"


def test_tryton_sent_elsewhere_says_so_and_tells_nobody_its_password(servers: tuple[Server, Server]) -> None:
    own, other = servers
    own.says = (307, f"{other.url}/db/rpc/")
    erp = Client(Access(own.url, "db", "us", "hidden-Horse-7"))

    with pytest.raises(ErpUnavailable) as caught:
        erp.version()

    assert (caught.value.code, other.got) == ("erp.host_refused", [])
    assert "hidden-Horse-7" not in repr(erp.access)
    erp.close()


def test_an_address_that_is_none_reaches_nobody() -> None:
    with pytest.raises((ErpUnavailable, httpx.UnsupportedProtocol)):
        client({"url": ""}).get("/path")


def test_no_connector_opens_http_past_the_guard() -> None:
    adapters = Path(outbound.__file__).parent
    ways = re.compile(
        r"httpx\.(Client|AsyncClient|get|post|put|patch|request|stream)\("
        r"|urlopen|http\.client|ServerProxy\(|^import requests",
        re.M,
    )
    past = {
        str(file.relative_to(adapters))
        for file in adapters.rglob("*.py")
        if file.name != "outbound.py" and ways.search(file.read_text(encoding="utf-8"))
    }
    assert past == set()


def test_a_host_with_letters_of_its_own_language_is_the_connections_own() -> None:
    hosts = hosts_of({"url": "https://erp.müller.example/base"})
    assert hosts == {("https", "erp.xn--mller-kva.example", 443)}
    asked = httpx.Request("GET", "https://erp.müller.example/base/x")
    Guard(hosts).on_request(asked)
    with pytest.raises(ErpUnavailable):
        Guard(hosts).on_request(httpx.Request("GET", "https://erp.muller.example/base/x"))


def test_no_port_is_the_one_of_the_scheme_and_zero_is_none() -> None:
    assert hosts_of({"url": "http://[::1]"}) == {("http", "::1", 80)}
    assert hosts_of({"url": "http://erp.example:0/"}) == {("http", "erp.example", 0)}
    with pytest.raises(ErpUnavailable, match=re.escape("http://[::1]:8080 is not")):
        Guard(hosts_of({"url": "http://[::1]"})).check("http://[::1]:8080/")


def test_an_authority_the_machine_trusts_is_trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A plant's ERP has a certificate of the plant's own authority, which its IT has put on the machine."""
    certificate, key, authority = ensure(tmp_path, ["127.0.0.1"])
    server = Server()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    address = server.url.replace("http:", "https:")
    try:
        outbound._trusted.cache_clear()
        with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
            client({"url": address}).get(f"{address}/strange")
        monkeypatch.setenv("SSL_CERT_FILE", str(authority))
        outbound._trusted.cache_clear()
        assert client({"url": address}).get(f"{address}/ours").status_code == 200
        assert server.got == ["/ours"]
    finally:
        outbound._trusted.cache_clear()
        server.shutdown()
        server.server_close()
