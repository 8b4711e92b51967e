"""`Idempotency-Key` on API requests: the first answer is stored with its effect and given again to every repeat."""

import json
from collections.abc import Callable

from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from plant_app.services.access import Answer, remember_answer

HEADER = "Idempotency-Key"


def answer_once(request: Request, produce: Callable[[], Response]) -> Response:
    """Run `produce` at most once per login, path and Idempotency-Key; without the header, simply run it.

    `produce` must return data the JSON renderer knows. A repeat carries `Idempotency-Replayed: true`. Raises what
    `remember_answer` raises: InvalidInput for another body under the same key, InProgress when the first still runs.
    """
    key = request.headers.get(HEADER, "")
    if not key:
        return produce()

    def run() -> Answer:
        response = produce()
        return Answer(response.status_code, json.loads(JSONRenderer().render(response.data) or b"null"))

    answer = remember_answer(
        scope=f"{request.user.pk}:{request.method}:{request.path}",
        key=key,
        body=request.data,
        produce=run,
    )
    headers = {"Idempotency-Replayed": "true"} if answer.replayed else None
    return Response(answer.body, status=answer.status, headers=headers)
