"""Postings over HTTP, looked at before they go and handled many at a time. Parses, calls a service, renders."""

from dataclasses import asdict
from typing import Any

from django.http import QueryDict
from drf_spectacular.utils import extend_schema
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from core.errors import InvalidInput, NotFound
from erp_sync import selectors, services
from erp_sync.api import TAG, not_found, person_named, person_of, site_of
from erp_sync.filters import PostingFilter
from erp_sync.models import ErpConnection
from erp_sync.serializers import (
    BulkIn,
    BulkOut,
    CheckOut,
    IntentIn,
    PreviewOut,
    ReleaseIn,
    ReleaseOut,
)
from plant_app.permissions import MayDo
from plant_app.selectors import can, visible_site_ids

MOST = 500


class PostingCheckView(APIView):
    """What would become of a posting: everything wrong with it, how it would go, what would be sent."""

    permission_classes = [IsAuthenticated, MayDo]
    action_required = "posting.view"

    @extend_schema(
        operation_id="postings_check",
        tags=TAG,
        request=IntentIn,
        responses={200: CheckOut},
        description="Judge a posting without making it. Nothing is written, and ERP is not asked.",
    )
    def post(self, request: Request) -> Response:
        asked = IntentIn(data=request.data)
        asked.is_valid(raise_exception=True)
        given = asked.validated_data
        site = site_of(request, given.pop("site"), "posting.view")
        found = services.foresee(site=site, actor=person_of(request), **given)
        goes = found.goes
        answer = {
            "ok": found.checked.ok,
            "connection": found.connection.code if found.connection is not None else "",
            "problems": found.checked.problems,
            "warnings": found.checked.warnings,
            "goes": None
            if goes is None
            else {
                "status": goes.status.value,
                "reason": goes.reason,
                "value": goes.worth.value,
                "currency": site.currency,
                "value_unknown": goes.worth.unknown,
                "approver_role": goes.approver_role,
                "buffered_until": goes.buffered_until,
            },
            "preview": found.preview,
            "way_back": found.way_back,
            "no_way_back": found.no_way_back,
        }
        return Response(CheckOut(answer).data)


class PostingPreviewView(APIView):
    """What exactly would be sent for a posting, or was."""

    permission_classes = [IsAuthenticated, MayDo]
    action_to_read = "posting.view"

    @extend_schema(operation_id="postings_preview", tags=TAG, responses={200: PreviewOut})
    def get(self, request: Request, pk: int) -> Response:
        posting = selectors.posting_in_full(request.user, pk)
        if posting is None:
            raise not_found()
        return Response(PreviewOut(services.preview(posting)).data)


class PostingsBulkView(APIView):
    """One verb for many postings, each for itself; the answer says what became of each."""

    permission_classes = [IsAuthenticated, MayDo]
    action_required = "posting.view"

    @extend_schema(
        operation_id="postings_bulk",
        tags=TAG,
        request=BulkIn,
        responses={200: BulkOut},
        description="Retry, cancel, settle by hand, approve, release or assign many postings. Each is its own "
        "transaction; a repeat leaves alone what is done.",
    )
    def post(self, request: Request) -> Response:
        asked = BulkIn(data=request.data)
        asked.is_valid(raise_exception=True)
        given = asked.validated_data
        results = services.bulk(
            verb=services.BulkVerb(given["verb"]),
            posting_ids=given["ids"] if "ids" in given else _found(request, given["filter"]),
            actor=person_of(request),
            reason=given["reason"],
            assignee=person_named(given["assignee"]),
        )
        done = sum(one.done for one in results)
        answer = {"done": done, "refused": len(results) - done, "results": [asdict(one) for one in results]}
        return Response(BulkOut(answer).data)


class PostingsReleaseView(APIView):
    """Let go now what is collected for a connection."""

    permission_classes = [IsAuthenticated, MayDo]
    action_required = "posting.edit"

    @extend_schema(
        operation_id="postings_release_all",
        tags=TAG,
        request=ReleaseIn,
        responses={200: ReleaseOut},
        description="Let go now what is collected for a connection at the sites you may edit postings of, oldest "
        "first: 500 at most, `left` says how many still wait for another call.",
    )
    def post(self, request: Request) -> Response:
        asked = ReleaseIn(data=request.data)
        asked.is_valid(raise_exception=True)
        person = person_of(request)
        sites = [site_id for site_id in visible_site_ids(person) if can(person, "posting.edit", site_id)]
        connection = ErpConnection.objects.filter(
            code=asked.validated_data["connection"], site_links__site__in=sites
        ).first()
        if connection is None:
            raise NotFound("erp.no_connection", "There is no such connection.")
        released, left = services.release_all(
            connection=connection, actor=person, sites=sites, reason=asked.validated_data["reason"]
        )
        return Response(ReleaseOut({"released": released, "left": left}).data)


def _found(request: Request, wanted: dict[str, Any]) -> list[int]:
    """The postings a filter finds, first made first, as the chain goes. Raises InvalidInput `erp.filter`."""
    query = QueryDict(mutable=True)
    for name, value in wanted.items():
        query.setlist(name, value.split(",") if name == "kind" else [value])
    filtered = PostingFilter(query, selectors.visible_postings(request.user).live())
    unknown = set(wanted) - set(filtered.filters) - {"occurred_after", "occurred_before"}
    if unknown or not filtered.is_valid():
        wrong = ", ".join(sorted(unknown)) or "; ".join(f"{name}" for name in filtered.errors)
        raise InvalidInput("erp.filter", f"This filter can't be used: {wrong}.", "Use those of the list.")
    return list(filtered.qs.order_by("pk").values_list("pk", flat=True)[: MOST + 1])
