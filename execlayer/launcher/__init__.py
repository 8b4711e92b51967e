"""Starts and stops the parts the product stands on. Plain Python: usable before, and without, Django's settings."""
