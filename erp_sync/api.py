"""The postings API: list, look at, operate, and post without a decision. Parses, calls a service, renders."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers, status
from rest_framework.generics import ListAPIView
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from core.api import KeysetPagination
from core.errors import InvalidInput, NotFound
from core.keys import new_token
from erp_sync import selectors, services
from erp_sync.filters import PostingFilter
from erp_sync.models import Posting
from erp_sync.serializers import (
    AssignIn,
    EditIn,
    KeyedIn,
    LocalIn,
    PostingIn,
    PostingInFull,
    PostingOut,
    ReasonIn,
    RetryIn,
    ReverseIn,
    VerbIn,
)
from plant_app.idempotency import HEADER, answer_once
from plant_app.models import Site, User
from plant_app.permissions import MayDo, require
from plant_app.selectors import visible_sites

_KEY = OpenApiParameter(HEADER, str, OpenApiParameter.HEADER, description="A repeat gets the first answer.")
TAG = ["postings"]


class PostingsView(ListAPIView[Posting]):
    """Every ERP transaction intended, sent and settled; and a way in for one nobody decided."""

    permission_classes = [IsAuthenticated, MayDo]
    action_to_read = "posting.view"
    action_required = "posting.create"
    serializer_class = PostingOut
    pagination_class = KeysetPagination
    filterset_class = PostingFilter

    def get_queryset(self) -> QuerySet[Posting]:
        if getattr(self, "swagger_fake_view", False):
            return Posting.objects.none()
        return selectors.postings_for_screen(self.request.user)

    @extend_schema(operation_id="postings_list", tags=TAG)
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)

    @extend_schema(
        operation_id="postings_create",
        tags=TAG,
        request=PostingIn,
        responses={201: PostingInFull},
        parameters=[_KEY],
    )
    def post(self, request: Request) -> Response:
        asked = PostingIn(data=request.data)
        asked.is_valid(raise_exception=True)
        given = asked.validated_data
        site = site_of(request, given["site"], "posting.create")
        person = person_of(request)

        def create() -> Response:
            posting = services.queue_posting(
                kind=given["kind"],
                site=site,
                payload=given["payload"],
                occurred_at=given["occurred_at"],
                origin_ref="",
                key_parts=("api", person.pk, request.headers.get(HEADER) or new_token()),
                chain=str(given["payload"].get("work_order", "")),
                actor=person,
                text=given["text"],
                reason_code=given["reason_code"],
                needs_approval=given["needs_approval"],
                justification=given["reason"],
            )
            return Response(_in_full(request, posting.pk), status=status.HTTP_201_CREATED)

        return answer_once(request, create)


class PostingView(APIView):
    """One posting with what is sent, every try and every hand laid on it."""

    permission_classes = [IsAuthenticated, MayDo]
    action_to_read = "posting.view"

    @extend_schema(operation_id="postings_read", tags=TAG, responses={200: PostingInFull})
    def get(self, request: Request, pk: int) -> Response:
        return Response(_in_full(request, pk))


class PostingVerbView(APIView):
    """What a person may do to a posting; one subclass per verb. The answer is the posting as it is then."""

    permission_classes = [IsAuthenticated, MayDo]
    action_required = "posting.edit"
    asks: type[serializers.Serializer[Any]] = VerbIn
    act: Callable[..., Posting]

    def post(self, request: Request, pk: int) -> Response:
        asked = self.asks(data=request.data)
        asked.is_valid(raise_exception=True)
        posting = selectors.posting_in_full(request.user, pk)
        if posting is None:
            raise not_found()
        require(request.user, self.action_required, posting.site_id)

        def run() -> Response:
            left = type(self).act(posting_id=pk, actor=person_of(request), **asked.validated_data)
            return Response(_in_full(request, left.pk))

        return answer_once(request, run)


def _assign(*, posting_id: int, actor: User, assignee: str, reason: str, version: int | None) -> Posting:
    return services.assign_one(
        posting_id=posting_id, actor=actor, assignee=person_named(assignee), reason=reason, version=version
    )


@dataclass(frozen=True)
class Verb:
    """A service, what it is asked with, which action it is, and what it does in words."""

    act: Callable[..., Posting]
    asks: type[serializers.Serializer[Any]]
    words: str
    action: str = "posting.edit"


VERBS: dict[str, Verb] = {
    "approve": Verb(services.approve, VerbIn, "Approve this posting.", "posting.approve"),
    "retry": Verb(services.retry, RetryIn, "Retry this posting."),
    "edit": Verb(services.edit_and_retry, EditIn, "Edit this posting."),
    "cancel": Verb(services.cancel, ReasonIn, "Cancel this posting."),
    "keyed": Verb(services.note_keyed, KeyedIn, "Keyed this posting."),
    "mark-local": Verb(services.mark_local, LocalIn, "Mark local this posting."),
    "release": Verb(
        services.release, RetryIn, "Let a posting go now that is collected to be sent with others."
    ),
    "accept-drift": Verb(
        services.accept_drift, ReasonIn, "Take what ERP says now as the starting point, and send it again."
    ),
    "assign": Verb(_assign, AssignIn, "Give this posting to somebody who looks after it."),
    "reverse": Verb(
        services.reverse, ReverseIn, "Take back what ERP has; the answer is the reversal.", "posting.reverse"
    ),
}


def person_named(username: str) -> User | None:
    """The active person of a username; None for an empty one. Raises InvalidInput `erp.assignee`."""
    if not username:
        return None
    person = User.objects.filter(username=username, is_active=True).first()
    if person is None:
        raise InvalidInput("erp.assignee", f"There is nobody called {username!r}.")
    return person


def verb_view(verb: str) -> type[PostingVerbView]:
    """The view class of one verb, with its own request shape in the schema."""
    known = VERBS[verb]
    name = "Posting" + verb.title().replace("-", "") + "View"

    def post(self: PostingVerbView, request: Request, pk: int) -> Response:
        return PostingVerbView.post(self, request, pk)

    documented = extend_schema(
        operation_id=f"postings_{verb.replace('-', '_')}",
        tags=TAG,
        request=known.asks,
        responses={200: PostingInFull},
        parameters=[_KEY],
        description=known.words,
    )(post)
    members = {"act": staticmethod(known.act), "asks": known.asks, "post": documented}
    return type(name, (PostingVerbView,), {**members, "action_required": known.action})


def site_of(request: Request, code: str, action: str) -> Site:
    """The site a request names, where its login may do `action`. Raises InvalidInput `erp.no_site`, NotAllowed."""
    site = visible_sites(request.user).filter(code=code).first()
    if site is None:
        raise InvalidInput("erp.no_site", f"There is no site {code!r} you may post for.")
    require(request.user, action, site)
    return site


def _in_full(request: Request, pk: int) -> Any:
    posting = selectors.posting_in_full(request.user, pk)
    if posting is None:
        raise not_found()
    return PostingInFull(posting).data


def not_found() -> NotFound:
    """One that is not there, or not for this reader."""
    return NotFound("erp.no_posting", "There is no such posting.")


def person_of(request: Request) -> User:
    """The login, as a person."""
    if not isinstance(request.user, User):
        raise not_found()
    return request.user
