"""The admin pages of exceptions: records to read, senders to edit."""

from exceptions_app.admin import edi, messengers, records, sources

__all__ = ["edi", "messengers", "records", "sources"]
