"""Settings for tests: the real ones, with cheap password hashing and mail kept in memory."""

import os

from execlayer.settings import *  # noqa: F403  (a settings module extends another exactly this way)

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"

if template := os.environ.get("EXECLAYER_TEST_TEMPLATE"):
    # Databases of parallel workers are copies of the migrated one.
    DATABASES["default"]["TEST"] = {"TEMPLATE": template}  # noqa: F405
