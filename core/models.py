"""Core's only table: the heartbeat of each long-running part, for the doctor and the operations page."""

from django.db import models

from core import clock


class Heartbeat(models.Model):
    """When a named process last said it was alive, and what it had to say."""

    name = models.CharField(max_length=60, primary_key=True)
    at = models.DateTimeField(default=clock.now)
    detail = models.JSONField(default=dict, blank=True)

    class Meta:
        ordering = ("name",)

    def __str__(self) -> str:
        return f"{self.name} at {self.at:%Y-%m-%d %H:%M:%S}"
