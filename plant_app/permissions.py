"""Access roles as permissions: for DRF views, and as one call for everything else."""

from typing import Any

from django.contrib.auth.models import AnonymousUser
from django.utils.translation import gettext as _
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request
from rest_framework.views import APIView

from core.errors import NotAllowed
from core.languages import label
from plant_app import access_rules
from plant_app.models import AccessRole, Site, User
from plant_app.selectors.access import can


class MayDo(BasePermission):
    """The view says what it does in `action_required` (a key of `access_rules.ACTIONS`), reading in `action_to_read`.

    Asks whether the login may do it at any site; a view that knows the site asks again with `require`.
    """

    message = "Your access role does not allow this."

    def has_permission(self, request: Request, view: APIView) -> bool:
        reading = request.method in SAFE_METHODS
        needed = (
            getattr(view, "action_to_read", "plant.view")
            if reading
            else getattr(view, "action_required", None)
        )
        return needed is not None and can(request.user, needed)


class MayView(BasePermission):
    """Anybody with an access role at some site."""

    message = "You have no access role at any site."

    def has_permission(self, request: Request, view: APIView) -> bool:
        return can(request.user, "plant.view")


def require(user: User | AnonymousUser | Any, action: str, site: Site | int | None = None) -> None:
    """Raise NotAllowed unless `user` may do `action` at `site` (at any site when None); the hint names who may."""
    if not can(user, action, site):
        names = sorted(label(AccessRole(role).label) for role in access_rules.roles_for(action))
        raise NotAllowed(
            "access.not_allowed",
            "Your access role does not allow this.",
            _("Needs one of: {roles}.").format(roles=", ".join(names)),
            action=action,
        )
