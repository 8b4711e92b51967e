"""Rate limits: a budget per login and minute, said in headers, refused with 429.

Counts live in the cache. When the cache is away nobody is refused: work on the floor goes before fairness.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.conf import settings
from django.core.cache import cache
from django.http import HttpRequest, HttpResponse
from redis.exceptions import RedisError
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from core import clock
from core.errors import TooMany

if TYPE_CHECKING:  # the framework's views import this class by name while they load
    from rest_framework.views import APIView

logger = logging.getLogger(__name__)

WINDOW_SECONDS = 60
DEFAULT_PER_MINUTE = 6000


@dataclass(frozen=True)
class Budget:
    """What is left of a limit in its current window; `reset` in seconds."""

    limit: int
    used: int
    reset: int

    @property
    def remaining(self) -> int:
        return max(0, self.limit - self.used)

    @property
    def over(self) -> bool:
        return self.used > self.limit


def spend(*, scope: str, who: str, limit: int, window_seconds: int = WINDOW_SECONDS) -> Budget:
    """Count one use by `who` in `scope` and return the budget left; never refuses by itself."""
    now = int(clock.now().timestamp())
    window = now // window_seconds
    reset = (window + 1) * window_seconds - now
    key = f"rate:{scope}:{who}:{window}"
    try:
        cache.add(key, 0, window_seconds * 2)
        used = cache.incr(key)
    except ValueError:  # evicted between the two calls
        used = 1
    except (RedisError, OSError) as error:
        logger.warning("rate limit not counted: %s", error)
        used = 0
    return Budget(limit, used, reset)


def limit(*, scope: str, who: str, limit: int, window_seconds: int = WINDOW_SECONDS) -> Budget:
    """As `spend`, and raise TooMany (429, with retry_after) once the budget is used up."""
    budget = spend(scope=scope, who=who, limit=limit, window_seconds=window_seconds)
    if budget.over:
        raise TooMany(
            "request.too_many",
            "Too many requests.",
            f"Try again in {budget.reset} s.",
            retry_after=budget.reset,
        )
    return budget


def address_of_request(request: HttpRequest) -> str:
    """The address a budget is counted for: the connection's, or what the proxy in front of us says (BEHIND_PROXY).

    Only the last entry of X-Forwarded-For is our proxy's own word; those before it are the sender's.
    """
    forwarded = request.headers.get("X-Forwarded-For", "") if settings.BEHIND_PROXY else ""
    return (forwarded.rpartition(",")[2].strip() or str(request.META.get("REMOTE_ADDR", "")))[:64]


class LoginThrottle(BaseThrottle):
    """DRF's hook: one budget per login (per address before login). Views may set `rate_per_minute`."""

    def allow_request(self, request: Request, view: "APIView") -> bool:
        allowed = getattr(view, "rate_per_minute", None) or getattr(
            settings, "API_RATE_PER_MINUTE", DEFAULT_PER_MINUTE
        )
        if not allowed:
            return True
        who = f"u{request.user.pk}" if request.user.is_authenticated else f"a{self.get_ident(request)}"
        scope = getattr(view, "rate_scope", "api")
        budget = spend(scope=scope, who=who, limit=int(allowed))
        vars(request._request)["rate_budget"] = budget
        if budget.over:
            raise TooMany(
                "request.too_many",
                "Too many requests.",
                f"Try again in {budget.reset} s.",
                retry_after=budget.reset,
            )
        return True


class RateLimitHeaders:
    """Middleware: says the budget on every answer that spent from one."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        budget = vars(request).get("rate_budget")
        if isinstance(budget, Budget):
            response["RateLimit-Limit"] = str(budget.limit)
            response["RateLimit-Remaining"] = str(budget.remaining)
            response["RateLimit-Reset"] = str(budget.reset)
        return response
