"""Which sites have a new plan since the response windows were last reckoned.

Only ever added, and removed by whoever reckons them: so publishing a plan, which holds the site, never waits for an
exception somebody else holds.
"""

from django.db import models

from core import clock
from plant_app.models import Site


class WindowRequest(models.Model):
    """The windows of a site's exceptions no longer fit its plan."""

    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="window_requests")
    due_at = models.DateTimeField(default=clock.now, db_index=True)

    class Meta:
        ordering = ("due_at", "pk")

    def __str__(self) -> str:
        return f"Windows of {self.site.code}"
