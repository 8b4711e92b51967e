"""As every language: one spelling of figures and dates."""

from core.formats import *  # noqa: F403 - Django reads the names of this module
