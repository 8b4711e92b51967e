"""Measures the product against the raw limits of the machine it runs on: `make bench`."""
