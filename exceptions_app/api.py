"""The exceptions API: report, list, answer, pass on. Parses, calls a service, renders.

A single exception with everything about it, and the verbs that decide or end one, are served by the apps that own them.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from django.db.models import QuerySet, prefetch_related_objects
from django.http import QueryDict
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import status
from rest_framework.generics import ListAPIView
from rest_framework.parsers import JSONParser, MultiPartParser
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response as HttpResponse
from rest_framework.views import APIView

from core import clock
from core.api import KeysetPagination
from core.errors import InvalidInput, NotFound
from exceptions_app import selectors, services
from exceptions_app.filters import ExceptionFilter
from exceptions_app.models import ExceptionRecord, ReadingStatus, Response, SignalReading
from exceptions_app.serializers import (
    AnswerIn,
    ExceptionOut,
    RerouteIn,
    ResponseOut,
    SignalAnswer,
    SignalIn,
    SignalOut,
    SignalUpload,
)
from exceptions_app.services.channels.read import PATIENCE_SECONDS
from exceptions_app.services.channels.receive import Received
from exceptions_app.uploads import DOCUMENT, document_of, enclosures_of
from plant_app.idempotency import answer_once
from plant_app.models import AccessRole, Site, User
from plant_app.permissions import MayDo, MayView, require
from plant_app.selectors import roles_of, visible_sites

_KEY = OpenApiParameter(
    "Idempotency-Key", str, OpenApiParameter.HEADER, description="A repeat gets the first answer."
)
VIA = "api"
# Channels with a source of their own; everything else told over the API comes through the site's API source.
_OWN_SOURCE = frozenset({"station", "form"})


def _person(request: Request) -> User:
    user = request.user
    if not isinstance(user, User):
        raise NotFound("exceptions.not_found", "There is no such exception.")
    return user


class SignalsView(APIView):
    """Report something: a text, known answers, or both; as multipart with photos, voice notes and files."""

    parser_classes = [JSONParser, MultiPartParser]
    permission_classes = [IsAuthenticated, MayDo]
    action_required = "signal.report"

    @extend_schema(
        operation_id="signals_create", tags=["signals"], parameters=[_KEY],
        request={"application/json": SignalIn, "multipart/form-data": SignalUpload},
        responses={
            201: OpenApiResponse(SignalAnswer, description="Stored and read."),
            202: OpenApiResponse(SignalAnswer, description="Stored; it is read in a moment."),
        },
    )  # fmt: skip
    def post(self, request: Request) -> HttpResponse:
        sent: Any = request.data
        many = isinstance(sent, QueryDict)
        asked = SignalIn(data=document_of(sent.get(DOCUMENT)) if many else sent)
        asked.is_valid(raise_exception=True)
        enclosures = enclosures_of(request.FILES) if many else []
        return answer_once(request, lambda: self._report(_person(request), asked.validated_data, enclosures))

    def _report(self, user: User, data: dict[str, Any], enclosures: list[services.Enclosure]) -> HttpResponse:
        site = visible_sites(user).filter(code=data["site"]).first()
        if site is None:
            raise InvalidInput("exceptions.unknown_site", f"There is no site {data['site']} you report for.")
        require(user, "signal.report", site)
        kind = data["channel"] if data["channel"] in _OWN_SOURCE else "api"
        reporter, words = _reporter(user, data["reporter"], site)
        received = services.receive_signal(
            source=services.source_of(kind=kind, site=site), external_id=data["external_id"], text=data["text"],
            fields=data["fields"], occurred_at=data["occurred_at"], reporter=reporter, reporter_text=words, site=site,
            channel=data["channel"], enclosures=enclosures,
        )  # fmt: skip
        reading = services.read_signal(signal_id=received.signal.pk, patience_seconds=PATIENCE_SECONDS)
        return answer_of(received, reading, just_read=not received.replayed)


def _reporter(user: User, named: str, site: Site) -> tuple[User | None, str]:
    """Whose report it is: one's own, unless a system or an administrator speaks for somebody."""
    if not named or named == user.username:
        return user, ""
    if not roles_of(user, site) & {AccessRole.INTEGRATOR, AccessRole.ADMINISTRATOR}:
        return user, named
    return User.objects.filter(username=named, is_active=True).first(), named


def answer_of(received: Received, reading: SignalReading, *, just_read: bool = False) -> HttpResponse:
    """201 with the exception once it is read (none for chatter), 202 while it is not.

    A record `just_read` has opened still holds all it is linked to, so only its functions are asked for: joining
    twenty tables for one row keeps PostgreSQL's planner busy longer than routing it did.
    """
    exception: ExceptionRecord | None = None
    if just_read and reading.opened and reading.exception is not None:
        exception = reading.exception
        prefetch_related_objects([exception], selectors.chips())
    elif reading.exception_id is not None:
        exception = selectors.with_row(ExceptionRecord.objects.filter(pk=reading.exception_id)).get()
    pending = reading.status == ReadingStatus.PENDING
    body = {"signal": reading, "exception": exception, "replayed": received.replayed, "flag": received.flag}
    return HttpResponse(
        SignalAnswer(body).data, status=status.HTTP_202_ACCEPTED if pending else status.HTTP_201_CREATED
    )


class SignalView(APIView):
    """One signal and what came of it."""

    permission_classes = [IsAuthenticated, MayView]

    @extend_schema(operation_id="signals_retrieve", tags=["signals"], responses={200: SignalAnswer})
    def get(self, request: Request, pk: int) -> HttpResponse:
        reading = (
            SignalReading.objects.select_related("signal__source", "exception")
            .filter(signal_id=pk, signal__site__in=visible_sites(_person(request)))
            .first()
        )
        if reading is None:
            raise NotFound("exceptions.signal_not_found", "There is no such signal.")
        received = Received(signal=reading.signal, reading=reading, replayed=False)
        return HttpResponse(answer_of(received, reading).data)


class ExceptionPages(KeysetPagination):
    """Keyset pages in one of the orders offered."""

    ordering = "-captured_at"
    ORDERS = {
        "captured_at": ("captured_at", "pk"),
        "-captured_at": ("-captured_at", "-pk"),
        "urgency": ("-urgency_score", "pk"),
        "-urgency": ("-urgency_score", "pk"),
        "window": ("window_sort", "pk"),
        "delay_cost": ("delay_sort", "pk"),
        "-delay_cost": ("-delay_sort", "-pk"),
        "ref": ("ref",),
        "-ref": ("-ref",),
    }

    def get_ordering(self, request: Request, queryset: QuerySet[Any], view: APIView) -> tuple[str, ...]:
        wanted = request.query_params.get("ordering", "-captured_at")
        if wanted not in self.ORDERS:
            raise InvalidInput(
                "request.ordering",
                f"Lists cannot be ordered by {wanted}.",
                f"Use one of {', '.join(self.ORDERS)}.",
            )
        return self.ORDERS[wanted]


class ExceptionsView(ListAPIView[ExceptionRecord]):
    """Exceptions the reader may see."""

    permission_classes = [IsAuthenticated, MayDo]
    action_to_read = "exception.view"
    serializer_class = ExceptionOut
    pagination_class = ExceptionPages
    filterset_class = ExceptionFilter
    queryset = ExceptionRecord.objects.none()

    @extend_schema(
        operation_id="exceptions_list", tags=["exceptions"],
        parameters=[OpenApiParameter("ordering", str, enum=list(ExceptionPages.ORDERS))],
    )  # fmt: skip
    def get(self, request: Request, *args: Any, **kwargs: Any) -> HttpResponse:
        return super().get(request, *args, **kwargs)

    def get_queryset(self) -> QuerySet[ExceptionRecord]:
        if getattr(self, "swagger_fake_view", False):
            return ExceptionRecord.objects.none()
        return selectors.with_row(selectors.visible_to(self.request.user))


def _eta(data: dict[str, Any]) -> datetime | None:
    if data["eta_minutes"] is not None:
        return clock.now() + timedelta(minutes=data["eta_minutes"])
    eta: datetime | None = data["eta"]
    return eta


class AcknowledgeView(APIView):
    """Acknowledge an exception as whoever one is asked for in it."""

    permission_classes = [IsAuthenticated, MayDo]
    action_required = "exception.respond"

    @extend_schema(
        operation_id="exceptions_acknowledge", tags=["exceptions"], request=AnswerIn, parameters=[_KEY],
        responses={200: ResponseOut},
    )  # fmt: skip
    def post(self, request: Request, ref: str) -> HttpResponse:
        asked = AnswerIn(data=request.data)
        asked.is_valid(raise_exception=True)
        user = _person(request)

        def answer() -> HttpResponse:
            exception = selectors.exception_by_ref(user, ref)
            mine = selectors.response_for(exception, user)
            if mine is None:
                raise NotFound("exceptions.response_not_found", "Nobody is asked for this exception.")
            done = services.acknowledge(
                response_id=mine.pk, actor=user, via=VIA, eta=_eta(asked.validated_data)
            )
            return HttpResponse(ResponseOut(done).data)

        return answer_once(request, answer)


class RerouteView(APIView):
    """Give an exception to another owner, with a reason."""

    permission_classes = [IsAuthenticated, MayDo]
    action_required = "exception.respond"

    @extend_schema(
        operation_id="exceptions_reroute", tags=["exceptions"], request=RerouteIn, parameters=[_KEY],
        responses={200: ResponseOut},
    )  # fmt: skip
    def post(self, request: Request, ref: str) -> HttpResponse:
        asked = RerouteIn(data=request.data)
        asked.is_valid(raise_exception=True)
        data, user = asked.validated_data, _person(request)

        def answer() -> HttpResponse:
            exception = selectors.exception_by_ref(user, ref)
            person = (
                User.objects.filter(username=data["person"], is_active=True).first()
                if data["person"]
                else None
            )
            if data["person"] and person is None:
                raise InvalidInput("exceptions.unknown_person", f"There is nobody called {data['person']}.")
            fresh = services.reroute(
                exception_id=exception.pk, actor=user, function_code=data["function"], role=data["role"] or None,
                person=person, reason=data["reason"], via=VIA, expected_version=data["version"], tell=data["tell"],
            )  # fmt: skip
            return HttpResponse(ResponseOut(fresh).data)

        return answer_once(request, answer)


class ResponseVerbView(APIView):
    """One step of a response: acknowledge, on-my-way, arrived, act, finish, decline."""

    permission_classes = [IsAuthenticated, MayDo]
    action_required = "exception.respond"
    verb = "acknowledge"

    @extend_schema(tags=["responses"], request=AnswerIn, parameters=[_KEY], responses={200: ResponseOut})
    def post(self, request: Request, pk: int) -> HttpResponse:
        asked = AnswerIn(data=request.data)
        asked.is_valid(raise_exception=True)
        user = _person(request)
        found = Response.objects.filter(pk=pk, exception__in=selectors.visible_to(user)).first()
        if found is None:
            raise NotFound("exceptions.response_not_found", "There is no such response.")
        return answer_once(
            request, lambda: HttpResponse(ResponseOut(_VERBS[self.verb](pk, user, asked.validated_data)).data)
        )


_VERBS: dict[str, Callable[[int, User, dict[str, Any]], Response]] = {
    "acknowledge": lambda pk, user, data: services.acknowledge(
        response_id=pk, actor=user, via=VIA, eta=_eta(data)
    ),
    "on-my-way": lambda pk, user, data: services.on_my_way(
        response_id=pk, actor=user, via=VIA, eta=_eta(data)
    ),
    "arrived": lambda pk, user, data: services.arrived(response_id=pk, actor=user, via=VIA),
    "act": lambda pk, user, data: services.act(response_id=pk, actor=user, via=VIA),
    "finish": lambda pk, user, data: services.finish(response_id=pk, actor=user, via=VIA),
    "decline": lambda pk, user, data: services.decline(
        response_id=pk, actor=user, via=VIA, reason=data["reason"]
    ),
}
VERBS = tuple(_VERBS)

__all__ = ["VERBS", "AcknowledgeView", "ExceptionsView", "RerouteView", "ResponseVerbView", "SignalOut", "SignalView",
           "SignalsView"]  # fmt: skip
