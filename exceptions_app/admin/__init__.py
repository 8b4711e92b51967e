"""The admin pages of exceptions: records to read, senders to edit."""

from exceptions_app.admin import edi, machine, mailboxes, messengers, records, sources

__all__ = ["edi", "machine", "mailboxes", "messengers", "records", "sources"]
