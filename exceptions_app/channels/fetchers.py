"""How an enclosure's bytes are fetched from the provider that keeps them, by the source's adapter.

A plain registry: a chat adapter registers its fetcher when its module is loaded; the worker looks it up. Knows no rows.
"""

from collections.abc import Callable, Mapping
from typing import Any

#: (config, secrets, reference) -> (bytes, content type, name). Runs outside every transaction; must time out by itself.
Fetcher = Callable[[Mapping[str, Any], Mapping[str, Any], str], tuple[bytes, str, str]]
FETCHERS: dict[str, Fetcher] = {}


class FetchFailed(Exception):
    """The bytes did not come. `final`: asking again is no use (gone, refused); `retry_after` in seconds where told."""

    def __init__(self, words: str, *, final: bool = False, retry_after: float | None = None) -> None:
        super().__init__(words)
        self.words, self.final, self.retry_after = words, final, retry_after


def register(adapter_code: str, fetcher: Fetcher) -> Fetcher:
    """Make `fetcher` the one for sources of that adapter; the last one given counts. Returns it."""
    FETCHERS[adapter_code] = fetcher
    return fetcher


def fetcher_for(adapter_code: str) -> Fetcher | None:
    """The fetcher of that adapter; None where enclosures always come with their bytes."""
    return FETCHERS.get(adapter_code)
