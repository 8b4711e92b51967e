"""Who may do what: access grants per site, API tokens, shared devices, badges, idempotency keys.

Secrets are stored as digests only. A shared tablet is a device; the person at it is known by badge and PIN.
"""

import pghistory
from django.db import models
from django.db.models import Q

from core import clock
from plant_app.models.people import User
from plant_app.models.places import Area, Site, WorkCentre


class AccessRole(models.TextChoices):
    """What a login may do; not a duty."""

    OPERATOR = "operator", "Operator"
    RESPONDER = "responder", "Responder"
    PLANNER = "planner", "Planner"
    ADMINISTRATOR = "administrator", "Administrator"
    LEADER = "leader", "Leader"
    INTEGRATOR = "integrator", "Integrator"


@pghistory.track()
class AccessGrant(models.Model):
    """A person's access role at a site."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="grants")
    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="grants")
    role = models.CharField(max_length=20, choices=AccessRole.choices)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["user", "site", "role"], name="access_grant_once"),
            models.CheckConstraint(condition=Q(role__in=AccessRole.values), name="access_grant_role_known"),
        ]

    def __str__(self) -> str:
        return f"{self.user}: {self.get_role_display()} at {self.site}"


class ApiToken(models.Model):
    """A bearer token of a person or a system login."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="api_tokens")
    name = models.CharField(max_length=80)
    digest = models.CharField(max_length=64, unique=True, editable=False)
    created_at = models.DateTimeField(default=clock.now)
    last_used_at = models.DateTimeField(null=True, blank=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-created_at",)

    def __str__(self) -> str:
        return f"{self.name} ({self.user})"


class Device(models.Model):
    """A shared tablet or wall screen, paired once, bound to a place."""

    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="devices")
    area = models.ForeignKey(Area, null=True, blank=True, on_delete=models.SET_NULL, related_name="devices")
    work_centre = models.ForeignKey(
        WorkCentre, null=True, blank=True, on_delete=models.SET_NULL, related_name="devices"
    )
    name = models.CharField(max_length=80)
    digest = models.CharField(max_length=64, unique=True, editable=False)
    created_at = models.DateTimeField(default=clock.now)
    last_seen_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("site", "name")

    def __str__(self) -> str:
        return self.name


class Badge(models.Model):
    """A badge a person holds up to a shared tablet; the PIN is a salted hash made by Django's hashers."""

    person = models.ForeignKey(User, on_delete=models.CASCADE, related_name="badges")
    digest = models.CharField(max_length=64, unique=True, editable=False)
    pin = models.CharField(max_length=200, blank=True, editable=False)
    created_at = models.DateTimeField(default=clock.now)
    revoked_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"Badge of {self.person}"


class IdempotencyKey(models.Model):
    """The first answer given to a keyed request, given again to every repeat of it."""

    scope = models.CharField(max_length=80, help_text="user and path")
    key = models.CharField(max_length=200)
    request_digest = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField(null=True)
    body = models.JSONField(null=True)
    created_at = models.DateTimeField(default=clock.now, db_index=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["scope", "key"], name="idempotency_key_once")]

    def __str__(self) -> str:
        return f"{self.scope} {self.key}"
