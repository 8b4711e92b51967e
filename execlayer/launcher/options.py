"""What the person starting the demo asked for, read from the environment once."""

import socket
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
FALSE_WORDS = frozenset({"0", "false", "no", "off"})
ANY_HOST = frozenset({"0.0.0.0", "::"})  # noqa: S104  (recognised, not bound)


@dataclass(frozen=True, slots=True)
class Options:
    """Every knob of `make run`."""

    home: Path
    host: str
    port: int
    tls: bool
    erp: str
    erp_url: str
    simulate: bool
    database_url: str
    redis_url: str
    web_processes: int
    bridges: str = "auto"

    @classmethod
    def read(cls, environ: Mapping[str, str]) -> "Options":
        """Raises ValueError, in words for a person, for a value that makes no sense."""
        port = environ.get("PORT") or "8000"
        if not port.isdigit() or not 0 < int(port) < 65536:
            raise ValueError(f"PORT={port} is not a port number")
        erp = (environ.get("ERP") or "tryton").lower()
        if erp not in {"tryton", "none"}:
            raise ValueError(f"ERP={erp} is unknown here; the demo starts tryton or none")
        return cls(
            home=Path(environ.get("EXECLAYER_HOME") or ROOT / ".execlayer").expanduser().resolve(),
            host=environ.get("HOST") or "127.0.0.1",
            port=int(port),
            tls=_flag(environ.get("TLS"), default=False),
            erp=erp,
            erp_url=environ.get("ERP_URL", ""),
            simulate=_flag(environ.get("SIMULATE"), default=True),
            database_url=environ.get("DATABASE_URL", ""),
            redis_url=environ.get("REDIS_URL", ""),
            web_processes=max(1, int(environ.get("WEB_PROCESSES") or 2)),
            bridges={True: "1", False: "0"}[_flag(environ["BRIDGES"], default=True)]
            if environ.get("BRIDGES", "auto").strip().lower() not in ("", "auto")
            else "auto",
        )

    @property
    def builds_erp(self) -> bool:
        """Whether an ERP of our own is wanted; one with an address given runs elsewhere."""
        return self.erp != "none" and not self.erp_url

    @property
    def probe_host(self) -> str:
        """Where this machine itself reaches the web process."""
        if self.host in ANY_HOST:
            return "127.0.0.1" if self.host == "0.0.0.0" else "[::1]"  # noqa: S104
        return f"[{self.host}]" if ":" in self.host else self.host

    @property
    def public_host(self) -> str:
        """The name other devices use in links: the network address when every address is served."""
        return lan_address() or self.probe_host if self.host in ANY_HOST else self.probe_host

    def names(self) -> list[str]:
        """Every name a browser may use for this machine."""
        found = ["127.0.0.1", "localhost", "[::1]", self.probe_host]
        if self.host in ANY_HOST:
            found += [name for name in (lan_address(), socket.gethostname(), socket.getfqdn()) if name]
        return list(dict.fromkeys(found))


def lan_address() -> str:
    """This machine's address on its network, or an empty string. Sends nothing."""
    with suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("192.0.2.1", 9))  # an address reserved for documentation; only the route is looked up
        return str(probe.getsockname()[0])
    return ""


def _flag(value: str | None, *, default: bool) -> bool:
    return default if not value else value.strip().lower() not in FALSE_WORDS
