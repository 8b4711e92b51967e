"""The roster over the API: who is on, absences and their cover, taken shifts, swaps.

Parses, calls a service, answers with what stands then. Who may change whose calendar is the services' word.
"""

from collections.abc import Callable
from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from core import clock
from core.errors import InvalidInput, NotFound
from plant_app import services
from plant_app.idempotency import answer_once
from plant_app.models import Absence, Shift, ShiftSwap, Site, User
from plant_app.permissions import MayDo, require
from plant_app.selectors import visible_sites, who_is_on
from plant_app.selectors.presence import Post

_KEY = OpenApiParameter(
    "Idempotency-Key", str, OpenApiParameter.HEADER, description="A repeat gets the first answer."
)


class HolderOut(serializers.Serializer[Any]):
    """A person on a post, and how they come to be there."""

    person = serializers.CharField(source="person.username")
    name = serializers.CharField(source="person")
    via = serializers.CharField(help_text="shift, cover or on_call")
    stands_in_for = serializers.CharField(source="stands_in_for.username", default=None, allow_null=True)


class PostOut(serializers.Serializer[Any]):
    """One duty of one function, with who holds it at the moment asked."""

    duty = serializers.CharField()
    function = serializers.CharField(source="function.code")
    area = serializers.CharField(source="area.code", default=None, allow_null=True)
    people = HolderOut(many=True)
    away = serializers.SerializerMethodField()

    def get_away(self, post: Post) -> list[str]:
        """Usernames of those who would be on."""
        return [one.person.username for one in post.away]


class AbsenceIn(serializers.Serializer[Any]):
    """Somebody is away. Why is not asked."""

    site = serializers.CharField()
    person = serializers.CharField(required=False, help_text="Username; yourself when not given.")
    start = serializers.DateTimeField(required=False, help_text="Now when not given.")
    end = serializers.DateTimeField(required=False, help_text="The end of the person's day when not given.")
    cover = serializers.CharField(required=False, help_text="Username of who stands in; leads only.")


class CoverIn(serializers.Serializer[Any]):
    """Who stands in; empty for nobody."""

    site = serializers.CharField()
    cover = serializers.CharField(allow_blank=True)


class AtSite(serializers.Serializer[Any]):
    """The site whose calendar it is."""

    site = serializers.CharField()


class TakeIn(serializers.Serializer[Any]):
    """A shift somebody takes over."""

    site = serializers.CharField()
    person = serializers.CharField(help_text="Whose shift it is.")
    taker = serializers.CharField(required=False, help_text="Who takes it; yourself when not given.")
    shift = serializers.CharField(help_text="Code of the shift.")
    day = serializers.DateField(help_text="Local day the shift begins.")


class SwapIn(serializers.Serializer[Any]):
    """A shift of yours for one of theirs, or for nothing."""

    site = serializers.CharField()
    partner = serializers.CharField()
    shift = serializers.CharField()
    day = serializers.DateField()
    return_shift = serializers.CharField(required=False)
    return_day = serializers.DateField(required=False)


class AbsenceOut(serializers.ModelSerializer[Absence]):
    person = serializers.CharField(source="person.username")
    cover = serializers.CharField(source="cover.username", default=None, allow_null=True)

    class Meta:
        model = Absence
        fields = ("id", "person", "start", "end", "cover", "kind")


class SwapOut(serializers.ModelSerializer[ShiftSwap]):
    asker = serializers.CharField(source="asker.username")
    partner = serializers.CharField(source="partner.username")
    shift = serializers.CharField(source="shift.code")
    return_shift = serializers.CharField(source="return_shift.code", default=None, allow_null=True)

    class Meta:
        model = ShiftSwap
        fields = ("id", "asker", "partner", "shift", "day", "return_shift", "return_day", "status")


class RosterView(APIView):
    """Base: people with a login at a site that shows people."""

    permission_classes = [IsAuthenticated, MayDo]
    action_required = "people.view"
    action_to_read = "people.view"

    def site(self, request: Request, code: str) -> Site:
        found = visible_sites(request.user).filter(code=code).first()
        if found is None:
            raise NotFound("plant.site_not_found", "There is no such site.")
        require(request.user, "people.view", found)
        return found

    def user(self, request: Request) -> User:
        if not isinstance(request.user, User):
            raise NotFound("roster.unknown_person", "There is no such person.")
        return request.user

    def person(self, username: str | None) -> User | None:
        if not username:
            return None
        found = User.objects.filter(username=username, is_active=True).first()
        if found is None:
            raise InvalidInput("roster.unknown_person", f"There is no person {username}.")
        return found

    def shift(self, site: Site, code: str) -> Shift:
        found = Shift.objects.filter(site=site, code=code).first()
        if found is None:
            raise InvalidInput("roster.no_such_shift", f"There is no shift {code}.")
        return found

    def once(self, request: Request, work: Callable[[], dict[str, Any]], status: int = 200) -> Response:
        return answer_once(request, lambda: Response(work(), status=status))


def _read(serializer: type[serializers.Serializer[Any]], request: Request) -> dict[str, Any]:
    body = serializer(data=request.data)
    body.is_valid(raise_exception=True)
    return dict(body.validated_data)


class DutyView(RosterView):
    """Who is on."""

    @extend_schema(
        summary="Who is on at a site, post by post",
        parameters=[
            OpenApiParameter("site", str, required=True),
            OpenApiParameter("at", str, description="Moment, ISO 8601 with offset; now when not given."),
        ],
        responses=PostOut(many=True),
    )
    def get(self, request: Request) -> Response:
        site = self.site(request, request.query_params.get("site", ""))
        raw = request.query_params.get("at")
        at = clock.now() if raw is None else serializers.DateTimeField().run_validation(raw)
        return Response(PostOut(who_is_on(site=site, at=at), many=True).data)


class AbsencesView(RosterView):
    """Say that somebody is away."""

    @extend_schema(
        summary="Say that somebody is away", parameters=[_KEY], request=AbsenceIn, responses={201: AbsenceOut}
    )
    def post(self, request: Request) -> Response:
        body, user = _read(AbsenceIn, request), self.user(request)
        site = self.site(request, body["site"])
        person, cover = self.person(body.get("person")) or user, self.person(body.get("cover"))
        return self.once(
            request,
            lambda: dict(
                AbsenceOut(
                    services.say_away(
                        person=person, site=site, actor=user, start=body.get("start"), end=body.get("end"),
                        cover=cover,
                    )
                ).data
            ),
            201,
        )  # fmt: skip


class BackView(RosterView):
    """End an absence."""

    @extend_schema(summary="Back again", parameters=[_KEY], request=AtSite, responses={204: None})
    def post(self, request: Request, pk: int) -> Response:
        site = self.site(request, _read(AtSite, request)["site"])
        services.say_back(absence_id=pk, site=site, actor=self.user(request))
        return Response(status=204)


class CoverView(RosterView):
    """Name who stands in."""

    @extend_schema(
        summary="Name who stands in during an absence",
        parameters=[_KEY],
        request=CoverIn,
        responses=AbsenceOut,
    )
    def post(self, request: Request, pk: int) -> Response:
        body, user = _read(CoverIn, request), self.user(request)
        site, cover = self.site(request, body["site"]), self.person(body["cover"])
        return self.once(
            request,
            lambda: dict(
                AbsenceOut(services.set_cover(absence_id=pk, site=site, cover=cover, actor=user)).data
            ),
        )


class TakeView(RosterView):
    """Take a shift over."""

    @extend_schema(
        summary="Take somebody's shift over", parameters=[_KEY], request=TakeIn, responses={201: AbsenceOut}
    )
    def post(self, request: Request) -> Response:
        body, user = _read(TakeIn, request), self.user(request)
        site, person = self.site(request, body["site"]), self.person(body["person"])
        taker = self.person(body.get("taker")) or user
        if person is None:
            raise InvalidInput("roster.unknown_person", "Say whose shift it is.")
        shift = self.shift(site, body["shift"])
        return self.once(
            request,
            lambda: dict(
                AbsenceOut(
                    services.take_shift(
                        taker=taker, person=person, site=site, shift=shift, day=body["day"], actor=user
                    )
                ).data
            ),
            201,
        )


class SwapsView(RosterView):
    """Ask for a swap."""

    @extend_schema(
        summary="Ask somebody to swap shifts", parameters=[_KEY], request=SwapIn, responses={201: SwapOut}
    )
    def post(self, request: Request) -> Response:
        body, user = _read(SwapIn, request), self.user(request)
        site, partner = self.site(request, body["site"]), self.person(body["partner"])
        if partner is None:
            raise InvalidInput("roster.unknown_person", "Say whom you ask.")
        shift = self.shift(site, body["shift"])
        back = self.shift(site, body["return_shift"]) if body.get("return_shift") else None
        return self.once(
            request,
            lambda: dict(
                SwapOut(
                    services.ask_swap(
                        asker=user, partner=partner, site=site, shift=shift, day=body["day"], return_shift=back,
                        return_day=body.get("return_day"), actor=user,
                    )
                ).data
            ),
            201,
        )  # fmt: skip


class SwapAnswerView(RosterView):
    """Accept, refuse or take back a swap; which one is the address's word."""

    answer = "accept"

    @extend_schema(
        summary="Accept, refuse or take back a swap", parameters=[_KEY], request=None, responses=SwapOut
    )
    def post(self, request: Request, pk: int) -> Response:
        user = self.user(request)
        if self.answer == "withdraw":
            swap = services.withdraw_swap(swap_id=pk, actor=user)
        else:
            swap = services.answer_swap(swap_id=pk, actor=user, accept=self.answer == "accept")
        return Response(SwapOut(swap).data)
