"""Webhooks we send, pure but for the one request: names, signatures, pauses, allowed targets. Knows no rows."""
