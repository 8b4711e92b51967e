"""Composition only: settings, addresses, sockets, worker wiring, the launcher. Imported by no app."""
