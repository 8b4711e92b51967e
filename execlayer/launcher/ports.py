"""Free TCP ports on this machine."""

import secrets
import socket

FIRST, LAST = 20_000, 32_000


def free_port(host: str = "127.0.0.1") -> int:
    """A port nobody listens on now, below those the system hands to outgoing connections.

    Nothing holds it: whoever uses it must cope with losing the race for it.
    """
    for _ in range(200):
        port = secrets.randbelow(LAST - FIRST) + FIRST
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            try:
                probe.bind((host, port))
            except OSError:
                continue
            return port
    raise OSError(f"no free port between {FIRST} and {LAST}")


def listen(host: str, wanted: int, *, tries: int = 50) -> socket.socket:
    """A listening socket on the first free port from `wanted` upwards; raises OSError when none of `tries` is free.

    Held by the caller from now on, so nobody can take the port between choosing and serving.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    last: OSError | None = None
    for port in range(wanted, wanted + tries):
        server = socket.socket(family, socket.SOCK_STREAM)
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            server.bind((host, port))
            server.listen(1024)
        except OSError as error:
            server.close()
            last = error
            continue
        return server
    raise OSError(f"no free port between {wanted} and {wanted + tries - 1} on {host}: {last}")
