"""Where messengers deliver: WhatsApp, Twilio, Slack and Teams, each below /hooks/<adapter>/<source>/.

The sender is checked on the raw body; then everything in it is stored and answered at once, and a worker reads. Teams
alone shows our answer below the message, so there the message is read at once, with patience.
"""

from collections.abc import Iterable
from typing import ClassVar

from django.conf import settings
from django.http import HttpResponse as PlainResponse
from django.http import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response as HttpResponse
from rest_framework.views import APIView

from core import clock
from core.errors import NotFound
from exceptions_app import services
from exceptions_app.channels import slack, teams, twilio, whatsapp
from exceptions_app.channels.messages import BadSignature
from exceptions_app.channels.port import Adapter
from exceptions_app.hooks import PER_MINUTE, SignatureRefused, read_body
from exceptions_app.models import Source
from plant_app.throttling import limit

#: Seconds Teams' reader may wait for a lock or a slow query; Teams shows nothing that comes after five.
TEAMS_PATIENCE = 2.0
_OPENAPI = OpenApiResponse(OpenApiTypes.OBJECT, description="Stored; it is read in a moment.")


class MessengerView(APIView):
    """What all have in common: no session, the raw body, one budget per source."""

    authentication_classes = ()
    permission_classes = ()
    throttle_classes = ()
    parser_classes = ()
    adapter: ClassVar[Adapter]

    def source(self, request: Request, code: str) -> Source:
        """The active source of that code that speaks this adapter; spends of its budget. NotFound, TooMany."""
        found = (
            Source.objects.select_related("site")
            .filter(code=code, adapter=self.adapter.code, active=True)
            .first()
        )
        if found is None:
            raise NotFound("hooks.unknown_source", "There is no such webhook.")
        budget = limit(scope="hook", who=found.code, limit=PER_MINUTE)
        vars(request._request)["rate_budget"] = budget
        return found

    @staticmethod
    def refused(problem: BadSignature, hint: str) -> SignatureRefused:
        return SignatureRefused("hooks.signature", str(problem), hint)


def _key(source: Source, name: str) -> str:
    return str(source.secrets.get(name) or "")


class WhatsAppView(MessengerView):
    """`/hooks/whatsapp/<source>/`: Meta's subscription by GET, deliveries by POST."""

    adapter = whatsapp.ADAPTER

    @extend_schema(exclude=True)
    def get(self, request: Request, code: str) -> HttpResponseBase:
        source = self.source(request, code)
        try:
            challenge = whatsapp.handshake(
                query=request.query_params.dict(), verify_token=_key(source, "verify_token")
            )
        except BadSignature as problem:
            raise self.refused(problem, "Type the verify token of this source at Meta.") from None
        return PlainResponse(challenge, content_type="text/plain; charset=utf-8")

    @extend_schema(
        operation_id="hooks_whatsapp", tags=["signals"], auth=[], request=OpenApiTypes.OBJECT,
        responses={200: _OPENAPI},
    )  # fmt: skip
    def post(self, request: Request, code: str) -> HttpResponse:
        source, body = self.source(request, code), read_body(request)
        try:
            whatsapp.verify(
                app_secret=_key(source, "app_secret"),
                signature=request.headers.get("X-Hub-Signature-256", ""),
                body=body,
            )
        except BadSignature as problem:
            raise self.refused(problem, "Enter the app secret of the Meta app at this source.") from None
        received = services.take_messages(source=source, inbound=whatsapp.normalise(body))
        return HttpResponse({"received": len(received)})


class TwilioView(MessengerView):
    """`POST /hooks/twilio/<source>/`: messages and delivery receipts, answered with empty TwiML."""

    adapter = twilio.ADAPTER

    @extend_schema(
        operation_id="hooks_twilio", tags=["signals"], auth=[], request=OpenApiTypes.OBJECT,
        responses={200: OpenApiResponse(OpenApiTypes.STR, description="Empty TwiML: stored, read in a moment.")},
    )  # fmt: skip
    def post(self, request: Request, code: str) -> HttpResponseBase:
        source, body = self.source(request, code), read_body(request)
        try:
            twilio.verify(
                auth_token=_key(source, "auth_token"),
                signature=request.headers.get("X-Twilio-Signature", ""),
                urls=self._addresses(request, source),
                body=body,
            )
        except BadSignature as problem:
            raise self.refused(
                problem,
                "Enter the account's auth token, and the public address if it differs from PUBLIC_URL.",
            ) from None
        trust = source.config.get("trust_numbers") is True
        services.take_messages(source=source, inbound=twilio.normalise(body, trust_numbers=trust))
        return PlainResponse(twilio.EMPTY_TWIML, content_type="text/xml; charset=utf-8")

    @staticmethod
    def _addresses(request: Request, source: Source) -> Iterable[str]:
        """What Twilio may have signed: our address as the source says, as the installation says, as it was asked."""
        path = request._request.get_full_path()
        bases = (str(source.config.get("public_url") or ""), settings.PUBLIC_URL)
        return [*(base.rstrip("/") + path for base in bases if base), request.build_absolute_uri()]


class SlackView(MessengerView):
    """`POST /hooks/slack/<source>/`: the Events API. Acknowledged as soon as it is stored."""

    adapter = slack.ADAPTER

    @extend_schema(
        operation_id="hooks_slack", tags=["signals"], auth=[], request=OpenApiTypes.OBJECT,
        responses={200: _OPENAPI},
    )  # fmt: skip
    def post(self, request: Request, code: str) -> HttpResponse:
        source, body = self.source(request, code), read_body(request)
        try:
            slack.verify(
                signing_secret=_key(source, "signing_secret"),
                headers=dict(request.headers.items()),
                body=body,
                now=clock.now(),
            )
        except BadSignature as problem:
            raise self.refused(problem, "Enter the signing secret of the Slack app at this source.") from None
        challenge = slack.challenge(body)
        if challenge is not None:
            return HttpResponse({"challenge": challenge})
        inbound = slack.normalise(body, channels=_lines(source.config.get("channels")))
        received = services.take_messages(source=source, inbound=inbound)
        return HttpResponse({"received": len(received)})


def _lines(value: object) -> tuple[str, ...]:
    """A setting of several lines, whether it is kept as a list or as text."""
    rows = value if isinstance(value, list) else str(value or "").splitlines()
    return tuple(line for line in (str(row).strip() for row in rows) if line)


class TeamsView(MessengerView):
    """`POST /hooks/teams/<source>/`: what mentions the outgoing webhook, answered in the same breath."""

    adapter = teams.ADAPTER

    @extend_schema(
        operation_id="hooks_teams", tags=["signals"], auth=[], request=OpenApiTypes.OBJECT,
        responses={200: OpenApiResponse(OpenApiTypes.OBJECT, description="The answer Teams shows.")},
    )  # fmt: skip
    def post(self, request: Request, code: str) -> HttpResponse:
        source, body = self.source(request, code), read_body(request)
        try:
            teams.verify(
                security_token=_key(source, "security_token"),
                authorization=request.headers.get("Authorization", ""),
                body=body,
            )
        except BadSignature as problem:
            raise self.refused(problem, "Enter the security token Teams showed at this source.") from None
        text = ""
        for received in services.take_messages(source=source, inbound=teams.normalise(body)):
            reading = services.read_signal(signal_id=received.signal.pk, patience_seconds=TEAMS_PATIENCE)
            text = services.answer_at_once(signal=received.signal, reading=reading)
        return HttpResponse(teams.answer(text))
