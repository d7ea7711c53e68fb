"""Django's settings. Every value of the environment comes from `env.py`."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext_lazy as _

from asgi_project.env import BASE_DIR, MAKE_A_KEY, embedded_secret_key, load, made_folder
from core.loopback import is_loopback
from mailer.domains.names import domain_of

env = load()

EMBEDDED: bool = env.embedded
DEBUG: bool = env["DEBUG"]
DATA_DIR = made_folder(BASE_DIR / env["DATA_DIR"])
SECRET_KEY: str = env["SECRET_KEY"] or (embedded_secret_key(DATA_DIR) if EMBEDDED else "")
if not SECRET_KEY:
    raise ImproperlyConfigured(f"SECRET_KEY is empty. Make one with `{MAKE_A_KEY}` and write it into .env.")
# Empty: mailer/signing.py takes the SECRET_KEY, and warns.
UNSUBSCRIBE_KEY: str = env["UNSUBSCRIBE_KEY"] or (embedded_secret_key(DATA_DIR, "unsubscribe_key") if EMBEDDED else "")

PORT: int = env["PORT"]
SITE_URL: str = f"http://127.0.0.1:{PORT}" if EMBEDDED and not env.has("SITE_URL") else env["SITE_URL"]
LOOPBACK_NAMES = ["localhost", "127.0.0.1", "[::1]"]
SITE_HOST = urlsplit(SITE_URL).hostname or ""
ALLOWED_HOSTS = sorted(
    {SITE_HOST, *(LOOPBACK_NAMES if EMBEDDED or DEBUG or is_loopback(SITE_HOST) else [])},
)
CSRF_TRUSTED_ORIGINS = [SITE_URL]
TRUSTED_PROXIES: list[str] = env["TRUSTED_PROXIES"]  # Uvicorn takes a request's scheme and address from these alone
IS_HTTPS = SITE_URL.startswith("https://")
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = IS_HTTPS
SECURE_HSTS_SECONDS = 365 * 24 * 3600 if IS_HTTPS else 0
# Where no proxy is trusted every request seems to be HTTP, and would be sent round in circles.
SECURE_SSL_REDIRECT = IS_HTTPS and bool(TRUSTED_PROXIES)
SECURE_REDIRECT_EXEMPT = [r"^(healthz|readyz)$"]  # whoever looks after this process asks it directly
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"

INSTALLED_APPS = [
    "core",  # first: its runserver is Uvicorn
    "servestatic",
    "mailer",
    "realtime",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "allauth",
    "allauth.account",
    "channels",
    "django_htmx",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "core.middleware.StaticFilesMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "core.preferences.preferences_middleware",
    "core.middleware.PermissionsMiddleware",
    "core.middleware.SignedInMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "core.middleware.method_middleware",
]

ROOT_URLCONF = "asgi_project.urls"
ASGI_APPLICATION = "asgi_project.asgi.application"

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
                "core.context.site",
            ],
        },
    }
]

DATABASES: dict[str, dict[str, Any]]
if env["DB_NAME"]:
    DATABASES = {
        "default": {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": env["DB_NAME"],
            "USER": env["DB_USER"],
            "PASSWORD": env["DB_PASSWORD"],
            "HOST": env["DB_HOST"],
            "PORT": env["DB_PORT"],
            # Under ASGI each request has its own thread: persistent connections would pile up, so they are pooled.
            "CONN_MAX_AGE": 0,
            "CONN_HEALTH_CHECKS": True,
            "OPTIONS": {
                # Where it tried in vain for the reconnect timeout (in seconds), whoever wants a connection tries anew.
                "pool": {"min_size": 2, "max_size": 20, "timeout": 10, "reconnect_timeout": 5},
                # A process that is frozen within a transaction, or whose machine is gone, must not hold its locks on.
                "options": "-c idle_in_transaction_session_timeout=30s",
            },
        }
    }
else:
    DATABASES = {
        "default": {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": DATA_DIR / "mailing.sqlite3",
            "OPTIONS": {
                # Writers queue from the start of their transaction; otherwise a read that turns into a write fails.
                "transaction_mode": "IMMEDIATE",
                "timeout": 30,
                # FULL: what the ledger committed survives a power cut.
                "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA cache_size=-20000;",
            },
            # A file, so that a test's server process can share it.
            "TEST": {"NAME": DATA_DIR / "test.sqlite3"},
        }
    }
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

REDIS_URL: str = env["REDIS_URL"]
CHANNEL_LAYERS: dict[str, dict[str, Any]] = {
    "default": {
        "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
        # Redis publishes across its databases: the prefix keeps sites apart that share one server by number.
        "CONFIG": {"hosts": [REDIS_URL], "prefix": "mailing" + urlsplit(REDIS_URL).path.replace("/", "-")},
    }
    if REDIS_URL
    else {"BACKEND": "channels.layers.InMemoryChannelLayer"}
}

CACHE_ENABLED: bool = env["CACHE_ENABLED"]
# Entries; Django's 300 would let whoever types enough addresses push out the counts for others.
CACHE_ROOM = {"MAX_ENTRIES": 20_000}
CACHES: dict[str, dict[str, Any]] = {
    # Rate limits: in the database, so that they neither vanish nor break with Redis.
    "default": {
        "BACKEND": "django.core.cache.backends.db.DatabaseCache",
        "LOCATION": "core_cache",
        "OPTIONS": CACHE_ROOM,
    },
    "statistics": {
        "BACKEND": "django_redis.cache.RedisCache",
        "LOCATION": REDIS_URL or "redis://127.0.0.1:6379/0",
        "OPTIONS": {"SOCKET_CONNECT_TIMEOUT": 0.5, "SOCKET_TIMEOUT": 0.5},  # seconds; see mailer/stats/caching.py
    }
    if CACHE_ENABLED
    else {"BACKEND": "django.core.cache.backends.dummy.DummyCache"},
}

SESSION_ENGINE = "core.sessions"
AUTH_USER_MODEL = "core.User"
SILENCED_SYSTEM_CHECKS = [
    "auth.W004",  # the email is unique by a constraint on lower(email), which the check can't see
    "security.W005",  # HSTS for subdomains, and preloaded: what else runs below the site's domain is not ours to say
    "security.W021",
]
AUTHENTICATION_BACKENDS = ["core.backends.ConfirmedAddressBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "home"
SIGNUP_ENABLED: bool = env["SIGNUP_ENABLED"]
ACCOUNT_ADAPTER = "core.adapter.AccountAdapter"
ACCOUNT_FORMS = {
    "login": "core.forms.accounts.LoginForm",
    "add_email": "core.forms.accounts.ChangeEmailForm",
    "change_password": "core.forms.accounts.ChangePasswordForm",
    "signup": "core.forms.accounts.SignUpForm",
    "reset_password": "core.forms.accounts.ResetPasswordForm",
    "reset_password_from_key": "core.forms.accounts.ResetPasswordKeyForm",
}
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*", "password2*"]
ACCOUNT_EMAIL_VERIFICATION = "mandatory"
ACCOUNT_CHANGE_EMAIL = True  # one address; a new one takes its place once it is confirmed
ACCOUNT_REAUTHENTICATION_REQUIRED = True  # a forgotten open browser is not enough to take an account over
ACCOUNT_EMAIL_NOTIFICATIONS = True
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
ACCOUNT_EMAIL_CONFIRMATION_AUTHENTICATED_REDIRECT_URL = "account_email"
ACCOUNT_LOGOUT_REDIRECT_URL = "account_login"
# Per visitor's IP (Uvicorn has put it right for TRUSTED_PROXIES), per signed-in user, or per address typed ("key").
# Whoever meets a limit is told to wait ten minutes: no window is longer.
ACCOUNT_RATE_LIMITS = {
    "login": "30/m/ip",
    "login_failed": "10/m/ip,5/5m/key",
    "signup": "20/m/ip",
    "reset_password": "20/m/ip,3/10m/key",
    "reset_password_from_key": "20/m/ip",
    "confirm_email": "20/m/ip,3/10m/key",  # every confirmation mail, asked for in whatever way
    "manage_email": "10/m/user",
    "change_password": "5/m/user",
    "reauthenticate": "10/m/user",
    "check_domain": "10/m/user",
    "test_send": "20/10m/user",
}

EMAIL_BACKEND: str = env["EMAIL_BACKEND"]
EMAIL_HOST: str = env["EMAIL_HOST"]
EMAIL_PORT: int = env["MAILCATCHER_PORT"] if EMBEDDED and not env.has("EMAIL_PORT") else env["EMAIL_PORT"]
EMAIL_HOST_USER: str = env["EMAIL_HOST_USER"]
EMAIL_HOST_PASSWORD: str = env["EMAIL_HOST_PASSWORD"]
EMAIL_USE_TLS: bool = env["EMAIL_USE_TLS"]
EMAIL_USE_SSL: bool = env["EMAIL_USE_SSL"]
if EMAIL_USE_SSL and EMAIL_USE_TLS and not env.has("EMAIL_USE_TLS"):
    EMAIL_USE_TLS = False
if EMAIL_USE_SSL and EMAIL_USE_TLS:
    raise ImproperlyConfigured("EMAIL_USE_TLS and EMAIL_USE_SSL are both True: choose one of them in .env.")
EMAIL_TIMEOUT = 30
DEFAULT_FROM_EMAIL: str = env["DEFAULT_FROM_EMAIL"]
SERVER_EMAIL = DEFAULT_FROM_EMAIL
FROM_ADDRESSES: list[str] = env["FROM_ADDRESSES"]  # empty: mailer/senders.py takes the one above
UNSUBSCRIBE_MAILTO: str = env["UNSUBSCRIBE_MAILTO"]

DKIM_DOMAIN: str = env["DKIM_DOMAIN"] or domain_of(DEFAULT_FROM_EMAIL)
DKIM_SELECTOR: list[str] = env["DKIM_SELECTOR"]
DKIM_KEY_FILE: list[Path] = env["DKIM_KEY_FILE"]  # one for each selector
if len(DKIM_SELECTOR) != len(DKIM_KEY_FILE):
    raise ImproperlyConfigured("DKIM_SELECTOR and DKIM_KEY_FILE belong together: give as many of one as of the other.")
DNS_RESOLVER: tuple[str, int] | None = env["DNS_RESOLVER"]

MAILCATCHER_PORT: int = env["MAILCATCHER_PORT"]
EMBEDDED_SENDER: bool = env["EMBEDDED_SENDER"]
NEW_ACCOUNT_DAILY_CAP: int = env["NEW_ACCOUNT_DAILY_CAP"]
SENDING_REQUIRES_APPROVAL: bool = env["SENDING_REQUIRES_APPROVAL"]
SEND_CONCURRENCY: int = env["SEND_CONCURRENCY"]
JOURNAL_SYNC: str = env["JOURNAL_SYNC"]

LANGUAGE_CODE = "en"
LANGUAGES = [("en", _("English")), ("ru", _("Russian"))]
LANGUAGE_COOKIE_AGE = 365 * 24 * 60 * 60  # seconds
LANGUAGE_COOKIE_HTTPONLY = True
LANGUAGE_COOKIE_SAMESITE = "Lax"
LANGUAGE_COOKIE_SECURE = SESSION_COOKIE_SECURE
LOCALE_PATHS = [BASE_DIR / "locale"]
FORMAT_MODULE_PATH = "core.formats"  # of dates
TIME_ZONE: str = env["TIME_ZONE"]
USE_I18N = True
USE_TZ = True

STATIC_URL = "static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
SERVESTATIC_USE_FINDERS = True  # served from where they lie: no step before the first start can be forgotten
SERVESTATIC_AUTOREFRESH = DEBUG

DATA_UPLOAD_MAX_MEMORY_SIZE = 30 * 1024 * 1024  # any request but a long list's: asgi.py refuses larger ones
FILE_UPLOAD_MAX_MEMORY_SIZE = 5 * 1024 * 1024
X_FRAME_OPTIONS = "DENY"

LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"plain": {"format": "{asctime} {levelname} {name}: {message}", "style": "{"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "plain"}},
    "loggers": {
        "django": {"handlers": ["console"], "level": "INFO", "propagate": False},
        "core": {"handlers": ["console"], "level": "INFO"},
        "mailer": {"handlers": ["console"], "level": "INFO"},
        "realtime": {"handlers": ["console"], "level": "INFO"},
    },
}
