"""Fixtures of the routing tests: published shipped rules, and people who may and may not edit them."""

import pytest
from django.test import Client

from plant_app.models import AccessGrant, AccessRole, Site, User
from routing_app import services
from routing_app.models import RuleVersion
from tests import groundwork
from tests.factories import SiteFactory

groundwork.builds("published")(services.load_default_rules)


@pytest.fixture
def published(db: None, request: pytest.FixtureRequest) -> RuleVersion:
    """The shipped rules as version 1."""
    return groundwork.give(request, "published")


@pytest.fixture
def site(db: None) -> Site:
    return SiteFactory(code="RHF")


def _person(name: str, site: Site, role: AccessRole) -> User:
    user = User.objects.create_user(name, password="a long password", is_staff=True)
    AccessGrant.objects.create(user=user, site=site, role=role)
    return user


@pytest.fixture
def administrator(site: Site) -> User:
    """An administrator without any of Django's own permissions."""
    return _person("sofia.brandt", site, AccessRole.ADMINISTRATOR)


@pytest.fixture
def planner(site: Site) -> User:
    return _person("ingrid.vogel", site, AccessRole.PLANNER)


@pytest.fixture
def admin_pages(administrator: User) -> Client:
    """A browser signed in as the administrator."""
    client = Client()
    client.force_login(administrator)
    return client
