"""How the logged-in person wants to be told, over HTTP: read, written as a whole, given up for the function's default.

What is written back as it was read changes nothing. Addresses are not here: their secrets go in by the page alone.
"""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from core.errors import NotAllowed
from notify_app import services
from notify_app.manners import OUTWARD, URGENCIES
from notify_app.models import Preference
from notify_app.services.wishes import FEWEST, MOST
from plant_app.models import User

_TIMES = ["%H:%M", "%H:%M:%S"]


class QuietSerializer(serializers.Serializer[Any]):
    """Do-not-disturb hours in plant time; an end at or before the begin lies on the next day."""

    begins = serializers.TimeField(format="%H:%M", input_formats=_TIMES)
    ends = serializers.TimeField(format="%H:%M", input_formats=_TIMES)
    days = serializers.ListField(
        child=serializers.IntegerField(), required=False, max_length=7,
        help_text="days it begins on, 0 is Monday; empty: every day",
    )  # fmt: skip


class WishesIn(serializers.Serializer[Any]):
    """The whole of a person's wishes. What is left out or empty is as their function's default says."""

    channels = serializers.DictField(
        child=serializers.ListField(child=serializers.CharField(max_length=20), max_length=10),
        required=False,
        help_text=f"urgency ({', '.join(URGENCIES)}) -> channels told at once ({', '.join(OUTWARD)})",
    )
    order = serializers.ListField(
        child=serializers.CharField(max_length=20), required=False, max_length=10,
        help_text="which channel is tried next when one fails",
    )  # fmt: skip
    override = serializers.CharField(
        required=False,
        allow_blank=True,
        max_length=10,
        help_text="do-not-disturb yields from this urgency on",
    )
    most = serializers.IntegerField(
        required=False, allow_null=True,
        help_text=f"new records in ten minutes, one by one; {FEWEST} to {MOST}",
    )  # fmt: skip
    quiet = QuietSerializer(required=False, allow_null=True)


class WishesOut(WishesIn):
    """How a person is told now."""

    own = serializers.BooleanField(help_text="false: the default of their function holds")
    available = serializers.ListField(
        child=serializers.ChoiceField(choices=list(OUTWARD)), help_text="channels that lead to them now"
    )


def _standing(user: User) -> Response:
    ways = services.ways_of(user)
    manner = ways.manner(user)
    found = ways.available(user)
    body = {
        "channels": {urgency: list(manner.channels.get(urgency, ())) for urgency in URGENCIES},
        "order": list(manner.order),
        "override": manner.override,
        "most": manner.most,
        "quiet": {"begins": manner.quiet.begins, "ends": manner.quiet.ends, "days": list(manner.quiet.days)}
        if manner.quiet
        else None,
        "own": Preference.objects.filter(user=user).exists(),
        "available": [channel for channel in OUTWARD if channel in found],
    }
    return Response(WishesOut(body).data)


class WishesView(APIView):
    """`/api/v1/me/notifications/`: one's own, whatever the login may otherwise do."""

    permission_classes = [IsAuthenticated]

    @extend_schema(
        operation_id="my_notifications_retrieve", tags=["notifications"], responses={200: WishesOut}
    )
    def get(self, request: Request) -> Response:
        """How one is told now: one's own wishes over the default of one's function."""
        return _standing(_person(request))

    @extend_schema(
        operation_id="my_notifications_update", tags=["notifications"], request=WishesIn, responses={200: WishesOut}
    )  # fmt: skip
    def put(self, request: Request) -> Response:
        """Keep them, the whole of them. What can't be kept answers 400 `notices.wishes` with `errors` by field."""
        asked = WishesIn(data=request.data)
        asked.is_valid(raise_exception=True)
        given = asked.validated_data
        quiet = given.get("quiet") or {}
        services.set_wishes(
            user=_person(request), channels=given.get("channels", {}), order=given.get("order", ()),
            override=given.get("override", ""), most=given.get("most"), quiet_from=quiet.get("begins"),
            quiet_until=quiet.get("ends"), quiet_days=quiet.get("days", ()),
        )  # fmt: skip
        return _standing(_person(request))

    @extend_schema(
        operation_id="my_notifications_destroy", tags=["notifications"], responses={200: WishesOut}
    )
    def delete(self, request: Request) -> Response:
        """Give one's own wishes up; answers with the default that holds from now on."""
        services.forget_wishes(user=_person(request))
        return _standing(_person(request))


def _person(request: Request) -> User:
    user = request.user
    if not isinstance(user, User):
        raise NotAllowed("notices.nobody", "Only a person has wishes.", "Sign in as somebody.")
    return user
