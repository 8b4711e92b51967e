"""One web process on a socket somebody else opened: `python -m execlayer.web --fd 3`.

Several of these share one listening socket; the kernel hands each connection to one of them.
"""

import argparse
import socket

import uvicorn


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fd", type=int, required=True, help="an inherited, listening TCP socket")
    parser.add_argument("--certificate", help="PEM file; with --key, serve HTTPS")
    parser.add_argument("--key")
    given = parser.parse_args()
    config = uvicorn.Config(
        "execlayer.asgi:application",
        ssl_certfile=given.certificate,
        ssl_keyfile=given.key,
        access_log=False,
        log_level="warning",
        lifespan="off",
        ws_ping_interval=20,
        timeout_graceful_shutdown=3,
        timeout_keep_alive=30,
        server_header=False,
    )
    uvicorn.Server(config).run(sockets=[socket.socket(fileno=given.fd)])


if __name__ == "__main__":
    main()
