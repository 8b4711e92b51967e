"""The admin pages of exceptions: records to read, senders to edit, what the reader was taught."""

from exceptions_app.admin import advice, edi, learning, machine, mailboxes, messengers, records, sources

__all__ = ["advice", "edi", "learning", "machine", "mailboxes", "messengers", "records", "sources"]
