"""Who may see and do what: roles, sites in view, the one question `can`."""

from django.contrib.auth.models import AnonymousUser
from django.db.models import QuerySet

from plant_app import access_rules
from plant_app.models import AccessGrant, AccessRole, Site, User

Reader = User | AnonymousUser


def roles_of(user: Reader, site: Site | int) -> frozenset[str]:
    """Access roles `user` holds at `site` (row or pk); every role for a superuser. One query per user and request.

    The grants are kept on the user object, which lives as long as its request.
    """
    if not isinstance(user, User) or not user.is_active:
        return frozenset()
    if user.is_superuser:
        return frozenset(AccessRole.values)
    return _grants(user).get(site if isinstance(site, int) else site.pk, frozenset())


def visible_site_ids(user: Reader) -> frozenset[int]:
    """Primary keys of the sites `user` may look into by a grant."""
    if not isinstance(user, User) or not user.is_active:
        return frozenset()
    if user.is_superuser:
        return frozenset(Site.objects.values_list("pk", flat=True))
    return frozenset(_grants(user))


def visible_sites(user: Reader) -> QuerySet[Site]:
    """The sites `user` may look into by a grant. A response elsewhere opens that one record, never the site."""
    if isinstance(user, User) and user.is_active and user.is_superuser:
        return Site.objects.all()
    return Site.objects.filter(pk__in=visible_site_ids(user))


def can(user: Reader, action: str, site: Site | int | None = None) -> bool:
    """Whether `user` may do `action` (a key of `access_rules.ACTIONS`) at `site`; at any site when None.

    Raises KeyError for an action nobody defined, so that a typing error never grants or refuses by accident.
    """
    wanted = access_rules.roles_for(action)
    if site is not None:
        return not wanted.isdisjoint(roles_of(user, site))
    if not isinstance(user, User) or not user.is_active:
        return False
    return user.is_superuser or any(not wanted.isdisjoint(roles) for roles in _grants(user).values())


def forget_grants(user: User) -> None:
    """Make the next question read the grants anew (after they were changed in this very process)."""
    vars(user).pop("_grants_by_site", None)


def _grants(user: User) -> dict[int, frozenset[str]]:
    kept: dict[int, frozenset[str]] | None = vars(user).get("_grants_by_site")
    if kept is None:
        found: dict[int, set[str]] = {}
        for site_id, role in AccessGrant.objects.filter(user=user).values_list("site_id", "role"):
            found.setdefault(site_id, set()).add(role)
        kept = {site_id: frozenset(roles) for site_id, roles in found.items()}
        vars(user)["_grants_by_site"] = kept
    return kept
