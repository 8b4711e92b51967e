"""What every API of the product shares: problem documents (RFC 9457) and keyset pagination.

Owns the outer shape of answers. Knows no resource.
"""

from typing import Any

from django.core.exceptions import PermissionDenied, ValidationError
from django.http import Http404
from rest_framework import exceptions, status
from rest_framework.pagination import CursorPagination
from rest_framework.response import Response
from rest_framework.views import exception_handler as drf_exception_handler
from rest_framework.views import set_rollback

from core.errors import DomainError

PROBLEM_TYPE = "application/problem+json"


class KeysetPagination(CursorPagination):
    """Pages by position of the last row read, so a page never skips or repeats when rows arrive."""

    page_size = 50
    max_page_size = 200
    page_size_query_param = "page_size"
    ordering = "-pk"


def problem(
    *,
    code: str,
    title: str,
    status_code: int,
    hint: str = "",
    headers: dict[str, str] | None = None,
    **extra: Any,
) -> Response:
    """An RFC 9457 problem document as a DRF response."""
    body: dict[str, Any] = {
        "type": f"urn:execlayer:problem:{code}",
        "title": title,
        "status": status_code,
        "code": code,
    }
    if hint:
        body["hint"] = hint
    body.update(extra)
    return Response(body, status=status_code, headers=headers, content_type=PROBLEM_TYPE)


def exception_handler(error: Exception, context: dict[str, Any]) -> Response | None:
    """DRF's exception hook: every refusal leaves as a problem document with a stable `code`."""
    if isinstance(error, DomainError):
        set_rollback()
        headers = {"Retry-After": str(error.extra["retry_after"])} if "retry_after" in error.extra else None
        return problem(
            code=error.code,
            title=error.message,
            status_code=error.status,
            hint=error.hint,
            headers=headers,
            **error.extra,
        )
    if isinstance(error, ValidationError):
        error = exceptions.ValidationError(
            error.message_dict if hasattr(error, "error_dict") else error.messages
        )
    if isinstance(error, Http404):
        error = exceptions.NotFound()
    if isinstance(error, PermissionDenied):
        error = exceptions.PermissionDenied()
    response = drf_exception_handler(error, context)
    if response is None or not isinstance(error, exceptions.APIException):
        return response
    headers = {
        key: value for key, value in response.items() if key.lower() in {"retry-after", "www-authenticate"}
    }
    if isinstance(error, exceptions.ValidationError):
        return problem(
            code="request.invalid",
            title="The request does not fit.",
            status_code=status.HTTP_400_BAD_REQUEST,
            errors=error.detail,
        )
    codes = error.get_codes()
    code = codes if isinstance(codes, str) else error.default_code
    return problem(
        code=f"request.{code}", title=str(error.detail), status_code=response.status_code, headers=headers
    )
