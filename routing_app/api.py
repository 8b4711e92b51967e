"""`POST /api/v1/rules/test/`: facts in, route and trace out. Parses, calls, renders; stores nothing.

For administrators, and for a check in a pipeline that expects certain routes of certain facts.
"""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from routing_app import services
from routing_app.selectors import may_edit_rules
from routing_app.sentences import sentence


class IsRuleAdministrator(BasePermission):
    """Rules are read and tried by administrators only."""

    message = "Only administrators may see and try rules."

    def has_permission(self, request: Request, view: APIView) -> bool:
        return may_edit_rules(request.user)


class RuleTestRequest(serializers.Serializer[Any]):
    facts = serializers.DictField(
        child=serializers.JSONField(allow_null=True), help_text="By fact code; null or absent is unknown."
    )
    rules = serializers.ChoiceField(choices=["published", "draft"], default="published")
    version = serializers.IntegerField(
        required=False, min_value=1, help_text="An earlier version instead of the published one."
    )


class RuleTestResponse(serializers.Serializer[Any]):
    rules = serializers.CharField(help_text="`draft` or `version 24`.")
    sentence = serializers.CharField(help_text="The deciding rule in words.")
    outcome = serializers.JSONField(
        help_text="Owner, functions, urgency, limits, ladder, notes; with its trace."
    )
    lines = serializers.JSONField(help_text="Every enabled rule with every condition answered.")


class RuleTestView(APIView):
    """Try facts against the rules."""

    permission_classes = [IsRuleAdministrator]

    @extend_schema(
        operation_id="rules_test", request=RuleTestRequest, responses={200: RuleTestResponse}, tags=["rules"]
    )
    def post(self, request: Request) -> Response:
        asked = RuleTestRequest(data=request.data)
        asked.is_valid(raise_exception=True)
        data = asked.validated_data
        tried = services.try_facts(
            facts=data["facts"], draft=data["rules"] == "draft", number=data.get("version")
        )
        return Response(
            {
                "rules": tried.source,
                "sentence": sentence(tried.rules[tried.outcome.rule_number]),
                "outcome": tried.outcome.as_dict(),
                "lines": list(tried.lines),
            }
        )
