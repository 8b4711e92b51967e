"""Where monitoring tools post: PagerDuty's Events API v2 as its clients speak it, and alert groups of Alertmanager and
Grafana. Everything from a sender who proves himself is stored before it is answered; only an event that is none by the
protocol's own rules is refused, with every fault named.
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping
from typing import Any

from django.db import transaction
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response as HttpResponse
from rest_framework.views import APIView

from core import clock
from core.errors import NotFound, TooMany
from exceptions_app import services
from exceptions_app.channels import alerts, pagerduty
from exceptions_app.hooks import PER_MINUTE, SignatureRefused, read_body
from exceptions_app.models import Signal, Source
from plant_app.throttling import Budget, limit

_MAPPED = {one.code: one.mapping for one in (pagerduty.ADAPTER, *alerts.ADAPTERS)}


class MonitoringView(APIView):
    """What both have in common: no session, no parser, one budget per source."""

    authentication_classes = ()
    permission_classes = ()
    throttle_classes = ()
    parser_classes = ()

    @staticmethod
    def spend(request: Request, source: Source) -> Budget:
        budget = limit(scope="hook", who=source.code, limit=PER_MINUTE)
        vars(request._request)["rate_budget"] = budget
        return budget

    @staticmethod
    def mapping(source: Source) -> Mapping[str, str]:
        return source.mapping or _MAPPED[source.adapter]

    @staticmethod
    def fields(source: Source, action: alerts.Action, said: Mapping[str, Any]) -> dict[str, Any]:
        """The message's fields with what it does, and the source's own type where it says none."""
        fields = {**said, "intent": alerts.INTENTS[action]}
        if action == "firing" and not fields.get("type") and source.config.get("type"):
            fields["type"] = source.config["type"]
        return fields


class PagerDutyView(MonitoringView):
    """`POST /hooks/pagerduty/v2/enqueue`: set `/hooks/pagerduty` as the base address of any Events v2 client."""

    @extend_schema(
        operation_id="hooks_pagerduty_enqueue", tags=["signals"], auth=[], request=OpenApiTypes.OBJECT,
        responses={202: OpenApiResponse(OpenApiTypes.OBJECT, description="Stored; it is read in a moment.")},
    )  # fmt: skip
    def post(self, request: Request) -> HttpResponse:
        body = read_body(request)
        try:
            data = pagerduty.decode(body)
            source = self._source(data)
            event = pagerduty.read_event(data, self.mapping(source))
        except pagerduty.InvalidEvent as invalid:
            answer = {
                "status": "invalid event",
                "message": "Event object is invalid",
                "errors": invalid.errors,
            }
            return HttpResponse(answer, status=400)
        try:
            self.spend(request, source)
        except TooMany as refusal:
            return HttpResponse({"status": "throttle exceeded", "message": refusal.message}, status=429)
        services.receive_later(
            source=source,
            external_id=self._message_id(source, event, body),
            text=event.text,
            fields=self.fields(source, event.action, event.fields),
            payload=event.payload,
            occurred_at=event.occurred_at,
            reporter_text=event.reporter,
            conversation=event.dedup_key,
            sender_verified=True,
        )
        answer = {"status": "success", "message": "Event processed", "dedup_key": event.dedup_key}
        return HttpResponse(answer, status=202)

    @staticmethod
    def _message_id(source: Source, event: pagerduty.Event, body: bytes) -> str:
        """An event carries no id of its own: the same bytes in the same minute are one message posted again, unless the
        alert did something else in between (fired, ended, fired).
        """
        before = (
            Signal.objects.filter(source=source, conversation=event.dedup_key)
            .exclude(fields__intent=alerts.INTENTS[event.action])
            .order_by("-received_at", "-pk")
            .values_list("pk", flat=True)
            .first()
        )
        key = hashlib.sha256(event.dedup_key.encode() + b"\0" + body).hexdigest()[:32]
        return f"{key}/{event.action}/{before or 0}/{int(clock.now().timestamp()) // 60}"

    @staticmethod
    def _source(data: Mapping[str, Any]) -> Source:
        key = data.get("routing_key")
        source = (
            Source.objects.select_related("site")
            .filter(adapter=pagerduty.ADAPTER.code, active=True, secrets__routing_key=key)
            .first()
            if isinstance(key, str) and key
            else None
        )
        if source is None:
            raise pagerduty.InvalidEvent(["'routing_key' is not one of ours"])
        return source


class AlertsView(MonitoringView):
    """`POST /hooks/alerts/<source>/`: an alert group of Alertmanager or Grafana, with the source's token."""

    @extend_schema(
        operation_id="hooks_alerts_receive", tags=["signals"], auth=[], request=OpenApiTypes.OBJECT,
        responses={202: OpenApiResponse(OpenApiTypes.OBJECT, description="Stored; it is read in a moment.")},
    )  # fmt: skip
    def post(self, request: Request, code: str) -> HttpResponse:
        source = (
            Source.objects.select_related("site")
            .filter(code=code, adapter__in=[one.code for one in alerts.ADAPTERS], active=True)
            .first()
        )
        if source is None:
            raise NotFound("hooks.unknown_source", "There is no such webhook.")
        self.spend(request, source)
        body = read_body(request)
        self._prove(request, source, body)
        found = alerts.read_alerts(body, self.mapping(source))
        stored = 0
        with transaction.atomic():  # the tool repeats the whole post, so it is kept whole or not at all
            for alert in found:
                received = services.receive_later(
                    source=source,
                    external_id=alert.external_id,
                    text=alert.text,
                    fields=self.fields(source, alert.action, alert.fields),
                    payload=alert.payload,
                    occurred_at=alert.occurred_at,
                    reporter_text=alert.reporter,
                    conversation=alert.fingerprint,
                    sender_verified=True,
                )
                stored += not received.replayed
        return HttpResponse({"alerts": len(found), "stored": stored}, status=202)

    @staticmethod
    def _prove(request: Request, source: Source, body: bytes) -> None:
        token = str(source.secrets.get("token", ""))
        if not token or not hmac.compare_digest(token.encode(), _token(request).encode()):
            raise SignatureRefused(
                "hooks.token", "The token does not fit.", "Send it as bearer token or as basic password."
            )
        secret = str(source.secrets.get("hmac", ""))
        signature = request.headers.get(alerts.SIGNATURE, "")
        if secret and not alerts.signed(secret=secret, body=body, signature=signature):
            raise SignatureRefused(
                "hooks.signature", "The signature does not fit the message.", "Check the HMAC secret."
            )


def _token(request: Request) -> str:
    """The bearer token, or the password of basic authentication; empty when there is neither."""
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return given.strip()
    if scheme.lower() != "basic":
        return ""
    try:
        return base64.b64decode(given, validate=True).decode().partition(":")[2]
    except (binascii.Error, ValueError):
        return ""
