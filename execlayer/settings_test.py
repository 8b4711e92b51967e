"""Settings for tests: the real ones, with cheap password hashing and mail kept in memory."""

from execlayer.settings import *  # noqa: F403  (a settings module extends another exactly this way)

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
