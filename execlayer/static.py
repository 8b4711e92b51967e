"""Static files by WhiteNoise, in the form an ASGI server takes without complaint."""

from http import HTTPStatus

from django.http import HttpRequest, HttpResponse
from whitenoise.middleware import WhiteNoiseMiddleware
from whitenoise.responders import StaticFile


class StaticFilesMiddleware(WhiteNoiseMiddleware):
    """WhiteNoise streams a file with a synchronous iterator, which Django under ASGI reads whole anyway, with a warning
    for each; the files are small, so they are read here."""

    @staticmethod
    def serve(static_file: StaticFile, request: HttpRequest) -> HttpResponse:
        """The answer WhiteNoise would give, with its body in memory."""
        found = static_file.get_response(request.method, request.META)
        body = b""
        if found.file is not None:
            with found.file as file:
                body = file.read()
        answer = HttpResponse(body, status=HTTPStatus(found.status))
        del answer["content-type"]
        for name, value in found.headers:
            answer[name] = value
        return answer
