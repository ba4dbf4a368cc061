"""Django settings, made from csoc.env. One file for every environment: what differs is named here."""

from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from django.utils.translation import gettext_lazy as _

from csoc import env as _env

ENV = _env.load()
BASE_DIR = Path(__file__).resolve().parent.parent
DATA_DIR = ENV.data_dir.resolve()
IS_DEMO = ENV.is_demo

SECRET_KEY = ENV.secret_key
DEBUG = False
PUBLIC_URL = ENV.public_url.rstrip("/")
PUBLIC_AUTHORITY = ENV.public_authority
GATEWAY_URL = ENV.gateway_url.rstrip("/")
GATEWAY_SECRET = ENV.gateway_secret
SIMULATOR_URL = ENV.simulator_url
REDIS_URL = ENV.redis_url
AUDIT_ORIGIN = ENV.audit_origin
AUDIT_HEAD_DIR = (ENV.audit_head_dir or DATA_DIR / "head").resolve()
AUDIT_WITNESSES = (ENV.audit_witnesses or DATA_DIR / "witnesses.txt").resolve()
RECORD_KEYS_DIR = ENV.record_keys_folder.resolve()
RETENTION_SCHEDULE = ENV.retention_schedule
AUDIT_WITNESS_EVERY_S = ENV.audit_witness_every_s
FLEET_LIMITS = ENV.fleet_limits
TRAILER_KEY_DAYS = ENV.trailer_key_days

_public_host = urlsplit(PUBLIC_URL).hostname or "localhost"
ALLOWED_HOSTS = [_public_host, *[h.strip() for h in ENV.allowed_hosts.split(",") if h.strip()]]
if IS_DEMO:
    ALLOWED_HOSTS += ["127.0.0.1", "localhost", "testserver"]
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL]

INSTALLED_APPS = [
    "daphne",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "django.forms",
    "channels",
    "rest_framework",
    "drf_spectacular",
    "guardian",
    "leaflet",
    "lucide",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.usersessions",
    "pgtrigger",
    "csoc.apps.CsocConfig",
    "audit",
    "vault",
    "accounts",
    "trailers",
    "deployments",
    "alerts",
    "live",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "csp.middleware.CSPMiddleware",
    "django_permissions_policy.PermissionsPolicyMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "trailers.doors.NoSessionsMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "allauth.usersessions.middleware.UserSessionsMiddleware",
    "accounts.middleware.AuthEpochMiddleware",
    "accounts.middleware.ActorMiddleware",
    "accounts.middleware.SecondFactorMiddleware",
    "csoc.lib.problems.RefusedMiddleware",
]

# Around what trailers post (csoc/handler.py): the host, the length, HTTPS, refusals. No session, no cookie.
DEVICE_MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.common.CommonMiddleware",
    "csoc.lib.problems.RefusedMiddleware",
]
DEVICE_PATHS = frozenset({"/api/v1/alerts/", "/api/v1/alerts/bulk/"})
DEVICE_URLCONF = "csoc.device_urls"

ROOT_URLCONF = "csoc.urls"
ASGI_APPLICATION = "csoc.asgi.application"
FORM_RENDERER = "django.forms.renderers.TemplatesSetting"
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
                "csoc.context.shell",
                "accounts.context.person",
                "csoc.navigation.navigation",
            ],
        },
    }
]


# The ORM joins along foreign keys in an order that is good already. To search for a better one among thirteen
# tables took PostgreSQL most of the 50 ms that reading a locked deployment took; without it they are 14.
_PLANNING = "-c join_collapse_limit=4 -c from_collapse_limit=4"


def _database(url: str, *, pool_max: int) -> dict[str, Any]:
    """Turn ``postgresql://role:password@host:port/name?host=/socket/dir`` into Django's form."""
    parts = urlsplit(url)
    query = {key: values[-1] for key, values in parse_qs(parts.query).items()}
    return {
        "ENGINE": "csoc.postgres",
        "NAME": unquote(parts.path.lstrip("/")),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": query.pop("host", parts.hostname or ""),
        "PORT": query.pop("port", str(parts.port or "")),
        "CONN_MAX_AGE": 0,
        # A connection that died under us (a restart, a failover) is replaced before it is used.
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": {
            **query,
            # A pool backs off longer and longer while the database is away. After 2 s of that it gives up,
            # and the next request tries at once: when the database is back, so is the console.
            "pool": {
                "min_size": 1,
                "max_size": pool_max,
                "timeout": 5,
                "max_lifetime": 1800,
                "reconnect_timeout": 2,
            },
            "options": f"-c statement_timeout={ENV.statement_timeout_ms} -c lock_timeout=2000 {_PLANNING}",
        },
    }


_mail = urlsplit(ENV.email_url)
_mail_kind = {"console": "console", "file": "filebased"}.get(_mail.scheme, "smtp")
EMAIL_BACKEND = f"django.core.mail.backends.{_mail_kind}.EmailBackend"
EMAIL_FILE_PATH = unquote(_mail.path) if _mail_kind == "filebased" else None
EMAIL_HOST, EMAIL_HOST_USER = _mail.hostname or "", unquote(_mail.username or "")
EMAIL_HOST_PASSWORD = unquote(_mail.password or "")
EMAIL_USE_SSL = _mail.scheme == "smtps"
EMAIL_PORT = _mail.port or (465 if EMAIL_USE_SSL else 587)
# Never in the clear over a network; a relay on this machine may have no certificate.
EMAIL_USE_TLS = not EMAIL_USE_SSL and EMAIL_HOST not in ("localhost", "127.0.0.1", "::1")
#: The worker that sends also ends deployments: a mail server that does not answer may not hold it up.
EMAIL_TIMEOUT = 5
DEFAULT_FROM_EMAIL = ENV.email_from
OWNER_CHANNEL = ENV.owner_channel
OWNER_PHONE = ENV.owner_phone
OWNER_LINK_H = ENV.owner_link_h

#: The service's CAD: one URL, one address that is dialled for it, or none (docs/cad.md).
CAD_URL = ENV.cad_url
CAD_ADDRESS = ENV.cad_address
CAD_TOKEN_FILE = ENV.cad_token_file
CAD_CA_FILE = ENV.cad_ca_file
CAD_FORMAT = ENV.cad_format
CAD_NAME = ENV.cad_name

DATABASES = {
    "default": _database(ENV.database_url, pool_max=ENV.pool_max),
    # audit.commit writes here: its entry must stand even when the caller's transaction rolls back.
    "audit": _database(ENV.database_url, pool_max=max(2, ENV.pool_max // 2)),
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = [
    "accounts.backends.PersonBackend",
    "guardian.backends.ObjectPermissionBackend",
]
ANONYMOUS_USER_NAME = None
GUARDIAN_MONKEY_PATCH_USER = False
PASSWORD_HASHERS = ["django.contrib.auth.hashers.ScryptPasswordHasher"]
if ENV.env == "test":
    # Eleven invented people sign in for every test; nobody else can reach this branch.
    PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 12},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
]

LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = "/accounts/login/"
ACCOUNT_LOGIN_METHODS = {"username"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "password1*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_ADAPTER = "accounts.adapter.AccountAdapter"
ACCOUNT_FORMS = {
    "login": "accounts.forms.SignInForm",
    "change_password": "accounts.forms.NewPasswordForm",
    "reauthenticate": "accounts.forms.ConfirmPasswordForm",
}
ACCOUNT_USER_MODEL_EMAIL_FIELD = None
ACCOUNT_SESSION_REMEMBER = False
ACCOUNT_LOGOUT_ON_GET = False
ACCOUNT_REAUTHENTICATION_TIMEOUT = 300
ACCOUNT_RATE_LIMITS = {
    "login": "60/m/ip",
    "login_failed": "20/m/ip,5/5m/key",
    "reauthenticate": "10/m/user",
    "change_password": "5/m/user",
}
MFA_ADAPTER = "accounts.adapter.SecondFactorAdapter"
MFA_FORMS = {
    "authenticate": "accounts.forms.SecondFactorForm",
    "reauthenticate": "accounts.forms.ConfirmForm",
}
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes"]
# One 30 s step either way for a phone's clock; accounts.forms lets each code work once.
MFA_TOTP_TOLERANCE = 1
MFA_TOTP_ISSUER = "CSOC"
USERSESSIONS_TRACK_ACTIVITY = False

_secure = PUBLIC_URL.startswith("https://")
SESSION_ENGINE = "django.contrib.sessions.backends.db"
SESSION_COOKIE_AGE = 12 * 3600
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = _secure
CSRF_COOKIE_SECURE = _secure
CSRF_COOKIE_HTTPONLY = True
CSRF_FAILURE_VIEW = "csoc.views.csrf_failure"
SECURE_SSL_REDIRECT = _secure
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$", r"^internal/"]
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if _secure else None
SECURE_HSTS_SECONDS = 31_536_000 if _secure else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = _secure
SECURE_HSTS_PRELOAD = _secure
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CONTENT_TYPE_NOSNIFF = True
X_FRAME_OPTIONS = "DENY"
_socket_origin = PUBLIC_URL.replace("http", "ws", 1)
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'none'"],
        "script-src": ["'self'"],
        "style-src": ["'self'"],
        "img-src": ["'self'", "data:"],
        "font-src": ["'self'"],
        "media-src": ["'self'", "blob:"],
        "connect-src": ["'self'", _socket_origin],
        "form-action": ["'self'"],
        "frame-ancestors": ["'none'"],
        "base-uri": ["'none'"],
    }
}
PERMISSIONS_POLICY: dict[str, list[str]] = {
    name: [] for name in ("camera", "microphone", "geolocation", "payment", "usb", "display-capture")
}

LAYER_PREFIX = "csoc"
CHANNEL_LAYERS = {
    "default": {
        "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
        "CONFIG": {"hosts": [REDIS_URL], "prefix": LAYER_PREFIX},
    }
}
# Rate limits must hold across web processes, and must not sign anybody out when Valkey is gone.
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.db.DatabaseCache",
        "LOCATION": "accounts_cache",
        "OPTIONS": {"MAX_ENTRIES": 20_000},
    }
}

CELERY_BROKER_URL = REDIS_URL.replace("unix://", "redis+socket://", 1)
CELERY_TASK_IGNORE_RESULT = True
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_TIMEZONE = "UTC"
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BEAT_SCHEDULE_FILENAME = str(DATA_DIR / "beat-schedule")
CELERY_BEAT_SCHEDULE = {
    "purge": {"task": "vault.tasks.purge", "schedule": 120.0, "options": {"expires": 110}},
    "nonces": {"task": "trailers.tasks.sweep_nonces", "schedule": 60.0, "options": {"expires": 55}},
    "commands": {"task": "trailers.tasks.expire_commands", "schedule": 30.0, "options": {"expires": 25}},
    "key-ends": {"task": "trailers.tasks.warn_of_key_ends", "schedule": 600.0, "options": {"expires": 590}},
    "refusals-old": {
        "task": "trailers.tasks.forget_refusals",
        "schedule": 3600.0,
        "options": {"expires": 3500},
    },
    "links": {"task": "trailers.tasks.show_lost", "schedule": 10.0, "options": {"expires": 9}},
    "warnings": {"task": "trailers.tasks.judge_fleet", "schedule": 15.0, "options": {"expires": 14}},
    "telemetry": {"task": "trailers.tasks.forget_telemetry", "schedule": 600.0, "options": {"expires": 590}},
    "deployments": {
        "task": "deployments.tasks.end_due_deployments",
        "schedule": 5.0,
        "options": {"expires": 5},
    },
    "owner-mail": {"task": "deployments.tasks.send_owner_mail", "schedule": 5.0, "options": {"expires": 5}},
    "refusals": {"task": "alerts.tasks.write_refusals", "schedule": 30.0, "options": {"expires": 25}},
    "numbers": {"task": "alerts.tasks.watch_numbers", "schedule": 10.0, "options": {"expires": 9}},
    "hand-offs": {"task": "alerts.tasks.send_hand_offs", "schedule": 2.0, "options": {"expires": 2}},
    "list-uploads": {"task": "alerts.tasks.end_stale_uploads", "schedule": 60.0, "options": {"expires": 55}},
    "views": {"task": "live.tasks.end_due_sessions", "schedule": 5.0, "options": {"expires": 5}},
    "exports": {"task": "audit.tasks.tend_exports", "schedule": 30.0, "options": {"expires": 25}},
    "reviews": {"task": "audit.tasks.raise_reviews", "schedule": 5.0, "options": {"expires": 5}},
}

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["accounts.api.PersonSession"],
    "DEFAULT_PERMISSION_CLASSES": ["accounts.api.IsPerson"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["csoc.lib.api.StrictJSONParser"],
    "EXCEPTION_HANDLER": "csoc.lib.problems.exception_handler",
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "UNAUTHENTICATED_USER": None,
    # OPTIONS would describe a view past its guard; nobody asks for it.
    "DEFAULT_METADATA_CLASS": None,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "CSOC console",
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    # Our structs carry their own enumerations; the hook that names them expects serializers.
    "POSTPROCESSING_HOOKS": ["csoc.openapi.with_refusals"],
    "DESCRIPTION": "The console's own interface (people) and the trailer contract (devices).",
    "SERVE_INCLUDE_SCHEMA": False,
}
DATA_UPLOAD_MAX_MEMORY_SIZE = 1_100_000
# Uploads stay in memory: this is more than csoc/server.py lets through, so nothing spools to disk.
FILE_UPLOAD_MAX_MEMORY_SIZE = 6_000_000
FILE_UPLOAD_HANDLERS = ["django.core.files.uploadhandler.MemoryFileUploadHandler"]
FILE_UPLOAD_PERMISSIONS = 0o600
FILE_UPLOAD_DIRECTORY_PERMISSIONS = 0o700
#: A plate list and its manifest; every other form has one.
DATA_UPLOAD_MAX_NUMBER_FILES = 2

LEAFLET_CONFIG = {"TILES": [], "RESET_VIEW": False, "SCALE": None, "ATTRIBUTION_PREFIX": ""}

LANGUAGE_CODE = "en-ca"
LANGUAGES = [("en", _("English")), ("fr", _("French"))]
LOCALE_PATHS = [BASE_DIR / "locale"]
USE_I18N = True
USE_TZ = True
TIME_ZONE = "UTC"
#: The zone in which people read times (H19); storage and APIs stay UTC.
LOCAL_TIME_ZONE = "America/Toronto"

STATIC_URL = "/static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
STATIC_ROOT = DATA_DIR / "static"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
# Sealed documents only (deployments/documents.py), and no address leads there.
MEDIA_ROOT = DATA_DIR / "media"
WHITENOISE_USE_FINDERS = True
# A demonstration may be rebuilt while it runs; whitenoise otherwise keeps the old file's length.
WHITENOISE_AUTOREFRESH = IS_DEMO

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "{levelname} {name}: {message}", "style": "{"}},
    "filters": {"links": {"()": "csoc.lib.secretless.NoLinks"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line", "filters": ["links"]}},
    "root": {"handlers": ["console"], "level": ENV.log_level},
    "loggers": {
        "django.channels.server": {"level": "WARNING"},
        "daphne": {"level": "WARNING"},
        "daphne.http_protocol": {"level": "WARNING"},
        # Request lines may carry identifiers; the audit log is the record of access.
        "django.request": {"level": "ERROR"},
        # The same, from anybody at all: a Host that is not ours, an address without its token.
        "django.security": {"level": "CRITICAL"},
        # It would write down each media path, and the address that ends a media session.
        "httpx": {"level": "WARNING"},
    },
}
