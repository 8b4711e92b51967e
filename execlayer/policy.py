"""The content policy every page of the product is served with.

Own pages need nothing but their own scripts and styles. The admin theme and the API's reading page evaluate scripts,
so they get the looser policy their libraries ask for. Compiled code (the barcode reader) may run, evaluated words may
not; photos and voice notes just taken are shown from memory (blob:).
"""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

STRICT = (
    "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; media-src 'self' blob:; connect-src 'self' ws: wss:; font-src 'self'; "
    "object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'"
)
LOOSE = STRICT.replace(
    "script-src 'self' 'wasm-unsafe-eval'", "script-src 'self' 'unsafe-inline' 'unsafe-eval'"
)
LOOSE_UNDER = ("/admin/", "/api/v1/docs/")


class ContentPolicy:
    """Middleware: say what a page may load."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        policy = LOOSE if request.path.startswith(LOOSE_UNDER) else STRICT
        response.headers.setdefault("Content-Security-Policy", policy)
        return response
