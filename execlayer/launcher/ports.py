"""Free TCP ports on this machine."""

import socket


def free_port(host: str = "127.0.0.1") -> int:
    """A port nobody listens on now. Whoever uses it must cope with losing the race for it."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


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
