"""A TLS front before a plain HTTP server, for clients that speak to nothing else. Owns one port and one certificate."""

import socket
import ssl
import threading
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

import trustme


class TlsFront:
    """Use as a context manager; `url` is where clients connect, `authority` the file they have to trust."""

    def __init__(self, upstream: str, folder: Path) -> None:
        target = urlsplit(upstream)
        self._upstream = (target.hostname or "127.0.0.1", target.port or 80)
        maker = trustme.CA()
        self.authority = folder / "authority.pem"
        maker.cert_pem.write_to_path(str(self.authority))
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        maker.issue_cert("localhost").configure_cert(self._context)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"https://localhost:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> "TlsFront":
        return self

    def __exit__(self, *trouble: object) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with (
            suppress(OSError),
            self._context.wrap_socket(client, server_side=True) as secure,
            socket.create_connection(self._upstream) as plain,
        ):
            back = threading.Thread(target=_pipe, args=(plain, secure), daemon=True)
            back.start()
            _pipe(secure, plain)
            back.join(5)


def _pipe(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
