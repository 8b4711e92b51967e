"""Django settings. Every word taken from the surroundings is read in the first block and nowhere else.

PostgreSQL and Redis always: there is no second code path for small installations.
"""

import secrets
from typing import Any

from core import languages
from execlayer import environment as env

# --- what the surroundings say ---------------------------------------------------------------------------
BASE_DIR = env.ROOT
EXECLAYER_HOME = env.HOME
DATABASE_URL = env.text("DATABASE_URL", "postgresql://execlayer@127.0.0.1:5432/execlayer")
REDIS_URL = env.text("REDIS_URL", "redis://127.0.0.1:6379")
# Without one given, each process makes its own: safe, but sessions end with it (`check --deploy` says so).
SECRET_KEY_GIVEN = bool(env.text("SECRET_KEY"))
SECRET_KEY = env.text("SECRET_KEY") or secrets.token_urlsafe(48)
DEBUG = env.flag("DEBUG")
ALLOWED_HOSTS = env.words("ALLOWED_HOSTS", "127.0.0.1,localhost,[::1]")
PUBLIC_URL = env.text("PUBLIC_URL", "http://127.0.0.1:8000").rstrip("/")
HTTPS = env.flag("HTTPS", default=PUBLIC_URL.startswith("https://"))
HSTS_SECONDS = env.number("HSTS_SECONDS", 31_536_000 if HTTPS else 0)
BEHIND_PROXY = env.flag("BEHIND_PROXY")
ERP = env.text("ERP", "tryton")
PROCESS = env.text("EXECLAYER_PROCESS", "command")
DB_POOL_MAX = env.number("DB_POOL_MAX", 10)
API_RATE_PER_MINUTE = env.number("API_RATE_PER_MINUTE", 6000)  # per login; 0 switches the limit off
ATTACHMENT_COUNT = env.number("ATTACHMENT_COUNT", 10)  # pieces of one message
ATTACHMENT_FILE_BYTES = env.number("ATTACHMENT_FILE_BYTES", 15_000_000)
ATTACHMENT_SIGNAL_BYTES = env.number("ATTACHMENT_SIGNAL_BYTES", 40_000_000)
ANONYMOUS_PER_ADDRESS = env.number("ANONYMOUS_PER_ADDRESS", 10)  # reports without a name in ten minutes
ANONYMOUS_PER_CODE = env.number("ANONYMOUS_PER_CODE", 20)
# Networks of the plant that webhooks may go to; without any, only public addresses.
WEBHOOK_PRIVATE_NETWORKS = env.words("WEBHOOK_PRIVATE_NETWORKS")
WEBHOOK_KEEP_DELIVERED_DAYS = env.number("WEBHOOK_KEEP_DELIVERED_DAYS", 30)  # 0 keeps them for good
WEBHOOK_KEEP_DEAD_DAYS = env.number("WEBHOOK_KEEP_DEAD_DAYS", 90)
# A sender of postings silent this long is given up on. A living one renews its hold four times within it.
POSTING_LEASE_SECONDS = env.number("POSTING_LEASE_SECONDS", 90)
LOG_LEVEL = env.text("LOG_LEVEL", "INFO").upper()
STATIC_DIRECTORY = env.text("STATIC_ROOT")
EMAIL_HOST = env.text("EMAIL_HOST")
EMAIL_PORT = env.number("EMAIL_PORT", 25)
EMAIL_HOST_USER = env.text("EMAIL_HOST_USER")
EMAIL_HOST_PASSWORD = env.text("EMAIL_HOST_PASSWORD")
EMAIL_USE_TLS = env.flag("EMAIL_USE_TLS")
EMAIL_USE_SSL = env.flag("EMAIL_USE_SSL")
# Browsers' push services; a service of one's own is added with its host, or as http://host:port.
_BROWSERS = "fcm.googleapis.com,.push.services.mozilla.com,.push.apple.com,.notify.windows.com"
PUSH_SERVICES = env.words("PUSH_SERVICES", _BROWSERS)
DEFAULT_FROM_EMAIL = env.text("DEFAULT_FROM_EMAIL", "execution-layer@localhost")
# Whom a push service may write to about us (RFC 8292): mailto: or https:.
PUSH_CONTACT = env.text("PUSH_CONTACT", f"mailto:{DEFAULT_FROM_EMAIL}")

# --- files the launcher and the ERP's own process leave --------------------------------------------------
ERP_STATE_FILE = EXECLAYER_HOME / "erp.json"
ERP_KEY_FILE = EXECLAYER_HOME / "secret.keys"  # opens stored passwords; EXECLAYER_SECRET_KEYS goes before it
RUN_FILE = EXECLAYER_HOME / "run.json"

# --- what is composed ------------------------------------------------------------------------------------
PRODUCT_APPS = [
    "core",
    "plant_app",
    "routing_app",
    "erp_sync",
    "exceptions_app",
    "decisions_app",
    "notify_app",
    "sequence_app",
    "metrics_app",
    "boards_app",
]
INSTALLED_APPS = [
    "unfold",
    "unfold.contrib.filters",
    "unfold.contrib.forms",
    "unfold.contrib.inlines",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.postgres",
    "django.contrib.humanize",
    "django.contrib.staticfiles",
    "channels",
    "rest_framework",
    "django_filters",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "pgtrigger",
    "pghistory",
    *PRODUCT_APPS,
    "execlayer",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "execlayer.policy.ContentPolicy",
    "execlayer.static.StaticFilesMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "plant_app.authentication.DeviceMiddleware",
    "plant_app.languages.LanguageMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "plant_app.throttling.RateLimitHeaders",
]
ROOT_URLCONF = "execlayer.urls"
ASGI_APPLICATION = "execlayer.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

# --- data ------------------------------------------------------------------------------------------------
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
DATABASES: dict[str, dict[str, Any]] = {"default": env.database(DATABASE_URL)}
if PROCESS == "web":
    # The pool's threads do not survive a fork, so only the web process has one; it must own every connection.
    DATABASES["default"]["OPTIONS"]["pool"] = {"min_size": 2, "max_size": DB_POOL_MAX, "timeout": 10}
    DATABASES["default"]["CONN_MAX_AGE"] = 0
else:
    DATABASES["default"]["CONN_MAX_AGE"] = 60
    DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
CHANNEL_LAYERS = {
    "default": {
        "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
        "CONFIG": {"hosts": [env.redis_database(REDIS_URL, 0)], "prefix": "execlayer"},
    },
}
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": env.redis_database(REDIS_URL, 2),
        "OPTIONS": {"socket_connect_timeout": 1, "socket_timeout": 2},
    },
}
CELERY_BROKER_URL = env.redis_database(REDIS_URL, 1)

# --- people ----------------------------------------------------------------------------------------------
AUTH_USER_MODEL = "plant_app.User"
LOGIN_URL = "/login/"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = "/login/"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
SESSION_COOKIE_AGE = 12 * 3600  # one shift and its handover

# --- API -------------------------------------------------------------------------------------------------
REST_FRAMEWORK = {
    "EXCEPTION_HANDLER": "core.api.exception_handler",
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "plant_app.authentication.BearerAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_THROTTLE_CLASSES": ["plant_app.throttling.LoginThrottle"],
    "DEFAULT_PAGINATION_CLASS": "core.api.KeysetPagination",
    "PAGE_SIZE": 50,
    "DEFAULT_FILTER_BACKENDS": ["django_filters.rest_framework.DjangoFilterBackend"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "COERCE_DECIMAL_TO_STRING": True,
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Execution layer API",
    "DESCRIPTION": "Signals in, exceptions routed and decided, postings out, four metrics.",
    "VERSION": "1",
    "OAS_VERSION": "3.1.1",  # the first that knows webhooks
    "WEBHOOKS": ["notify_app.webhook_schema.exception_event", "notify_app.webhook_schema.webhook_test"],
    "SCHEMA_PATH_PREFIX": r"/api/v1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "COMPONENT_SPLIT_REQUEST": True,
    "ENUM_NAME_OVERRIDES": {
        "AccessRoleEnum": "plant_app.models.access.AccessRole",
        "DutyEnum": "plant_app.models.people.Duty",
        "DrillStatusEnum": "notify_app.models.drills.DrillStatus",
        "EventKindEnum": "exceptions_app.models.records.EventKind",
        "ExceptionStatusEnum": "exceptions_app.models.records.STATUS_CHOICES",
        "FindingKindEnum": "erp_sync.models.reconciliation.FindingKind",
        "PostingKindEnum": "erp_sync.models.postings.KIND_CHOICES",
        "PostingStatusEnum": "erp_sync.models.postings.STATUS_CHOICES",
        "ProgressKindEnum": "plant_app.models.orders.ProgressReport.Kind",
        "TaskStatusEnum": "decisions_app.models.decisions.TaskStatus",
        "SwapStatusEnum": "plant_app.models.roster.SwapStatus",
        "ReadingStatusEnum": "exceptions_app.models.signals.ReadingStatus",
        "ResponseStatusEnum": "exceptions_app.models.responses.ResponseStatus",
        "WebhookStatusEnum": "notify_app.models.webhooks.WebhookStatus",
    },
    "ENABLE_DJANGO_DEPLOY_CHECK": False,  # the OpenAPI gate looks at the schema, and more closely
}

# --- words, numbers, time --------------------------------------------------------------------------------
LANGUAGE_CODE = languages.SOURCE
LANGUAGES = languages.LANGUAGES
LOCALE_PATHS = [BASE_DIR / "locale"]
FORMAT_MODULE_PATH = ["core.formats"]
# Pages of the floor and of those who answer. The desk, the admin and every API speak English.
TRANSLATED_PATHS = (
    "/boards/", "/exceptions/", "/inbox/", "/login/", "/logout/", "/me/", "/n/", "/r/", "/report/", "/responses/",
    "/stations/", "/t/", "/tasks/", "/who/",
)  # fmt: skip
USE_I18N = True
USE_TZ = True
TIME_ZONE = "UTC"  # places carry their own zone; the server has none

# --- files -----------------------------------------------------------------------------------------------
STATIC_URL = "/static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
MEDIA_ROOT = EXECLAYER_HOME / "media"
STORAGES = {
    "default": {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {"file_permissions_mode": 0o600, "directory_permissions_mode": 0o700},
    },
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
if STATIC_DIRECTORY:
    # A built image has collected and hashed its files; a checkout serves them from where they lie.
    STATIC_ROOT = STATIC_DIRECTORY
    STORAGES["staticfiles"] = {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"}
else:
    WHITENOISE_USE_FINDERS = True

# --- mail ------------------------------------------------------------------------------------------------
EMAIL_TIMEOUT = 10
EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
if not EMAIL_HOST:
    # Without a mail server each message becomes a file that people and tests can open.
    EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
    EMAIL_FILE_PATH = EXECLAYER_HOME / "mail"

# --- safety ----------------------------------------------------------------------------------------------
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL]
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT = HTTPS
SECURE_HSTS_SECONDS = HSTS_SECONDS
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = HSTS_SECONDS > 0
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if BEHIND_PROXY else None
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"

# --- admin -----------------------------------------------------------------------------------------------
UNFOLD = {
    "SITE_TITLE": "Execution layer",
    "SITE_HEADER": "Execution layer",
    "SITE_URL": "/",
    "SHOW_HISTORY": True,
    "SHOW_VIEW_ON_SITE": True,
    # The theme's accent is the product's ink, not a colour of its own.
    "COLORS": {
        "primary": {
            "50": "242 243 245",
            "100": "229 232 237",
            "200": "198 202 209",
            "300": "161 168 178",
            "400": "161 168 178",
            "500": "150 158 170",  # what is chosen, on dark
            "600": "27 31 36",
            "700": "21 24 28",
            "800": "21 24 28",
            "900": "15 17 20",
            "950": "15 17 20",
        }
    },
}

# --- log -------------------------------------------------------------------------------------------------
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "{levelname:.1s} {name}: {message}", "style": "{"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": LOG_LEVEL},
    "loggers": {
        "httpx": {"level": "WARNING"},
        "httpcore": {"level": "WARNING"},
        "urllib3": {"level": "WARNING"},  # its paths hold the keys of chats
        "apprise": {
            "level": "WARNING",
            "handlers": [],
            "propagate": False,
        },  # its words go to the delivery log
        "fontTools": {"level": "WARNING"},  # it tells every glyph of a printed sheet
    },
}
