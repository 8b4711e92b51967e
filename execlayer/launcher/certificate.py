"""A certificate of this machine's own, for tablets whose cameras and push need HTTPS. Only imported with TLS=1."""

from pathlib import Path

import trustme


def ensure(folder: Path, names: list[str]) -> tuple[Path, Path, Path]:
    """(certificate chain, key, authority) for `names`, made once for a set of names and kept, readable by us only.

    Installing the authority's file on a tablet makes its browser accept the address without a warning.
    """
    chain, key, authority = folder / "server.pem", folder / "server.key", folder / "authority.pem"
    known = folder / "names.txt"
    wanted = "\n".join(sorted(names))
    if known.exists() and known.read_text() == wanted and chain.exists() and key.exists():
        return chain, key, authority
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    maker = trustme.CA(organization_name="Execution layer, local demo")
    issued = maker.issue_cert(*[name.strip("[]") for name in names])
    for path in (chain, key):
        path.unlink(missing_ok=True)
        path.touch(mode=0o600)
    for number, blob in enumerate(issued.cert_chain_pems):
        blob.write_to_path(str(chain), append=number > 0)
    issued.private_key_pem.write_to_path(str(key))
    maker.cert_pem.write_to_path(str(authority))
    known.write_text(wanted)
    return chain, key, authority
