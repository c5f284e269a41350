"""Settings of the platform, read from the environment.

``zhupei init`` writes an environment file with fresh random secrets; nothing here has a default secret, and the program
refuses to start when one is missing or too short, or when another setting cannot be read. An empty one counts as not set.
"""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import dj_database_url
from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext_lazy as _

PACKAGE = Path(__file__).resolve().parents[1]
PROJECT = PACKAGE.parents[1]
DATA = Path(os.environ.get("ZHUPEI_DATA") or PROJECT / "var").resolve()
ENV_FILE = Path(os.environ.get("ZHUPEI_ENV_FILE") or DATA / "zhupei.env")


def _read_env_file() -> None:
    if ENV_FILE.is_file():
        for line in ENV_FILE.read_text().splitlines():
            name, sep, value = line.partition("=")
            if sep and not line.startswith("#") and not os.environ.get(name.strip()):
                os.environ[name.strip()] = value.strip()


def _given(name: str, default: str = "") -> str:
    return os.environ.get(name, "").strip() or default


def _list(name: str, default: str = "") -> list[str]:
    return [one.strip() for one in _given(name, default).split(",") if one.strip()]


def _secret(name: str, length: int) -> str:
    value = os.environ.get(name, "")
    if len(value) < length or len(set(value)) < 8:
        raise ImproperlyConfigured(
            f"{name} is missing, too short or a placeholder. Run 'zhupei init' once, "
            f"or set it to at least {length} random characters."
        )
    return value


def _flag(name: str, default: bool = False) -> bool:
    return _given(name, "1" if default else "0").lower() in {"1", "true", "yes", "on"}


def _number(name: str, default: str, most: float) -> float:
    try:
        value = float(_given(name, default))
    except ValueError:
        value = 0
    if not 1 <= value <= most:
        raise ImproperlyConfigured(f"{name} is a number from 1 to {most:g}.")
    return value


def _master_key() -> bytes:
    try:
        return bytes.fromhex(_secret("ZHUPEI_MASTER_KEY", 64))
    except ValueError:
        raise ImproperlyConfigured(
            "ZHUPEI_MASTER_KEY is 64 hexadecimal digits, as 'zhupei init' makes them."
        ) from None


def _database() -> dict[str, Any]:
    try:
        url = _given("DATABASE_URL", f"sqlite:///{DATA / 'zhupei.sqlite3'}")
        made: dict[str, Any] = {**dj_database_url.parse(url, conn_max_age=60)}
    except ValueError:
        made = {"ENGINE": ""}
    if not made["ENGINE"].endswith((".sqlite3", ".postgresql")) or not made["NAME"]:
        raise ImproperlyConfigured(
            "DATABASE_URL is postgresql://user:password@host:port/name (signs like @ / : in the password as %40 %2F %3A), "
            "sqlite:////path/of/the/file, or empty: a SQLite file in the data folder."
        )
    return made


_read_env_file()

SECRET_KEY = _secret("ZHUPEI_SECRET_KEY", 50)
MASTER_KEY = _master_key()

DEBUG = False
DEMO = _flag("ZHUPEI_DEMO")
HTTPS = _flag("ZHUPEI_HTTPS", default=not DEMO)
ALLOWED_HOSTS = _list("ZHUPEI_HOSTS", "localhost,127.0.0.1,[::1]")
CSRF_TRUSTED_ORIGINS = _list("ZHUPEI_ORIGINS")
THREADS = int(_number("ZHUPEI_THREADS", "8", 1000))  # for pages

ROOMS = [
    "web",
    "audit",
    "accounts",
    "organisations",
    "evidence",
    "rulebook",
    "notices",
    "people",
    "institutions",
    "itembank",
    "hours",
    "papers",
    "training",
    "exams",
    "hall",
    "analysis",
    "certificates",
    "portal",
]

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "csp",
    "django_tasks",
    "django_tasks_db",
    *(f"zhupei.{room}" for room in ROOMS),
    "zhupei.config",
]

if find_spec("django_migration_linter"):  # a tool of developers
    INSTALLED_APPS.append("django_migration_linter")

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "zhupei.web.middleware.Preferences",
    "django.middleware.common.CommonMiddleware",
    "zhupei.rulebook.middleware.OneRule",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "zhupei.accounts.middleware.SessionWatch",
    "zhupei.organisations.middleware.ActingFor",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "zhupei.web.middleware.Gate",
    "zhupei.web.middleware.Refusals",
]

ROOT_URLCONF = "zhupei.config.urls"
ASGI_APPLICATION = "zhupei.config.asgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.csrf",
                "django.contrib.messages.context_processors.messages",
                "zhupei.web.context.page",
                "zhupei.organisations.context.memberships",
                "zhupei.notices.context.unread",
            ],
        },
    }
]

_SQLITE = {
    "transaction_mode": "IMMEDIATE",
    "timeout": 20,
    "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON; PRAGMA cache_size=-65536;",
}
DATABASES = {"default": _database()}
if DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    DATABASES["default"].setdefault("OPTIONS", {}).update(_SQLITE)
    # Tests on a file, as in service: threads then wait for one another, which they cannot in a database in memory.
    DATABASES["default"]["TEST"] = {"NAME": DATA / "test.sqlite3"}
else:
    DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["django.contrib.auth.backends.ModelBackend"]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
    {"NAME": "zhupei.accounts.passwords.ThreeClasses"},
]
LOGIN_URL = "accounts:sign_in"

SESSION_COOKIE_NAME = "zhupei_session"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_AGE = 12 * 3600
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
CSRF_COOKIE_NAME = "zhupei_csrf"
CSRF_FAILURE_VIEW = "zhupei.web.views.csrf_failure"
IDLE_SECONDS_STAFF = 30 * 60
IDLE_SECONDS_LEARNER = 2 * 3600

SECURE_SSL_REDIRECT = False
SECURE_HSTS_SECONDS = 31536000 if HTTPS else 0
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
BEHIND_PROXY = _flag("ZHUPEI_BEHIND_PROXY")  # its headers are believed: only where nobody reaches us past it
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if BEHIND_PROXY else None
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "img-src": [SELF, "data:", "blob:"],
        "style-src": [SELF],
        "script-src": [SELF],
        "object-src": [NONE],
        "base-uri": [NONE],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
    }
}

LANGUAGE_CODE = "zh-hans"
LANGUAGES = [("zh-hans", _("Simplified Chinese")), ("en", _("English"))]
USE_I18N = True
USE_TZ = True
TIME_ZONE = "Asia/Shanghai"

STATIC_URL = "/static/"
STATIC_ROOT = DATA / "static"
STORAGES = {
    "default": {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {"location": DATA / "evidence"},
    },
    "staticfiles": {"BACKEND": "zhupei.web.staticfiles.Manifest"},
}
MEDIA_ROOT = DATA / "evidence"
DATA_UPLOAD_MAX_MEMORY_SIZE = 5 * 1024 * 1024
DATA_UPLOAD_MAX_NUMBER_FIELDS = 3000
FILE_UPLOAD_MAX_MEMORY_SIZE = 2 * 1024 * 1024

CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
TASKS = {"default": {"BACKEND": "django_tasks_db.DatabaseBackend"}}

SMS_SENDER = _given("ZHUPEI_SMS_SENDER", "zhupei.notices.senders.Console")
HALL_DATA = DATA / "hall"
HALL_JOURNAL = _given("ZHUPEI_HALL_JOURNAL")  # "": a SQLite file in HALL_DATA
if HALL_JOURNAL not in ("", "database") and not HALL_JOURNAL.startswith(("postgresql://", "postgres://")):
    raise ImproperlyConfigured(
        "ZHUPEI_HALL_JOURNAL is empty (a SQLite file), 'database' (the PostgreSQL of DATABASE_URL) or a postgresql:// URL."
    )
if HALL_JOURNAL == "database" and DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    raise ImproperlyConfigured(
        "ZHUPEI_HALL_JOURNAL=database needs PostgreSQL, but DATABASE_URL is SQLite. Set DATABASE_URL to a postgresql:// URL, "
        "or leave ZHUPEI_HALL_JOURNAL empty: the answers then lie in a SQLite file of their own."
    )
HALL_PEERS = [one.rstrip("/").lower() for one in _list("ZHUPEI_HALL_PEERS")]
HALL_SELF = _given("ZHUPEI_HALL_SELF").rstrip("/").lower()
HALL_TAKEOVER_SECONDS = _number("ZHUPEI_HALL_TAKEOVER_SECONDS", "8", 3600)
if (HALL_PEERS or HALL_SELF) and (
    HALL_SELF not in HALL_PEERS
    or not HALL_JOURNAL
    or not all(one.startswith(("http://", "https://")) for one in HALL_PEERS)
):
    raise ImproperlyConfigured(
        "Two servers in a hall need ZHUPEI_HALL_PEERS (the origins of all of them, http://10.0.0.1:8000,http://10.0.0.2:8000), "
        "ZHUPEI_HALL_SELF (the one of this machine, as it stands there) and ZHUPEI_HALL_JOURNAL in PostgreSQL."
    )
HALL_ONLY = _flag("ZHUPEI_HALL_ONLY")  # serve a hall's pages and the exam engine, nothing else

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s: %(message)s"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": "INFO"},
    "loggers": {"django.request": {"level": "ERROR"}, "httpx": {"level": "WARNING"}},
}
SILENCED_SYSTEM_CHECKS = ["security.W008"]  # the redirect to HTTPS is the proxy's
