"""The admin pages of exceptions: records to read, senders to edit."""

from exceptions_app.admin import records, sources

__all__ = ["records", "sources"]
