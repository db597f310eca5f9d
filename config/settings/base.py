"""Every setting, read from the environment. See .env.example.

Nothing here exists only in production: DEBUG off asks for secrets and turns on
the transport rules, and that is all the difference there is.
"""

from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import environ
from celery.schedules import crontab
from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext_lazy as _

from config import env

BASE_DIR = Path(__file__).resolve().parent.parent.parent
VAR_DIR = BASE_DIR / "var"

DEBUG = env.flag("DEBUG", default=False)

# --- Secrets -----------------------------------------------------------------
# In DEBUG they have fixed, worthless values so that a laptop needs no set-up.
SECRET_KEY = env.secret("SECRET_KEY", "debug-only-" + "0" * 50 if DEBUG else None)
# Keys for encrypted fields, newest first, each 32 random bytes in base64.
FIELD_KEYS = env.keys(
    "FIELD_KEYS", "ZGVidWctb25seS1rZXktMzItYnl0ZXMtbG9uZy0wMDE=" if DEBUG else None
)

# --- Where it is served ------------------------------------------------------
BASE_URL = env.url(
    "BASE_URL", "http://127.0.0.1:8000" if DEBUG else None, schemes={"http", "https"}
).rstrip("/")
ALLOWED_HOSTS = env.items(
    "ALLOWED_HOSTS",
    ["127.0.0.1", "localhost", "[::1]", "testserver"]
    if DEBUG
    else [urlsplit(BASE_URL).hostname or ""],
)
CSRF_TRUSTED_ORIGINS = [BASE_URL]
MAIL_DOMAIN = env.text("MAIL_DOMAIN", "greenroom.example" if DEBUG else None)
DEFAULT_FROM_EMAIL = f"Greenroom <hello@{MAIL_DOMAIN}>"
SERVER_EMAIL = f"Greenroom <hello@{MAIL_DOMAIN}>"

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"

INSTALLED_APPS = [
    "accounts.apps.AdminSiteConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.humanize",
    "django.contrib.messages",
    "django.contrib.postgres",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    # Its widget templates, for our form renderer.
    "django.forms",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.spotify",
    "allauth.usersessions",
    "csp",
    "django_htmx",
    "django_prometheus",
    "pgtrigger",
    "accounts",
    "notifications",
    "payments",
    "calendars",
    "ambassadors",
    "events",
    "therapy_credits",
    "resources",
    "reports",
    "portal",
]

MIDDLEWARE = [
    "django_prometheus.middleware.PrometheusBeforeMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "portal.middleware.CompressPublicPages",
    "csp.middleware.CSPMiddleware",
    "therapy_credits.middleware.PrivatePages",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "portal.middleware.no_cookies_in_frames",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    # Nothing above this line may reach for the session, the database or the cache.
    "resources.middleware.HelpFirst",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "therapy_credits.middleware.OriginOfPrivatePages",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "accounts.middleware.session_limits",
    "accounts.middleware.time_zone",
    "allauth.account.middleware.AccountMiddleware",
    "accounts.middleware.too_many_attempts",
    "django_htmx.middleware.HtmxMiddleware",
    *(["portal.middleware.our_own_not_found"] if DEBUG else []),
    "django_prometheus.middleware.PrometheusAfterMiddleware",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.debug",
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "portal.context.shell",
            ],
        },
    },
]

FORM_RENDERER = "config.renderer.GreenroomForms"
CSRF_FAILURE_VIEW = "portal.views.site.form_expired"

# --- Database, cache, broker -------------------------------------------------
DATABASE_URL = env.url("DATABASE_URL", schemes={"postgres", "postgresql"})
DATABASES = {"default": environ.Env.db_url_config(DATABASE_URL)}
if not DATABASES["default"]["NAME"]:
    raise ImproperlyConfigured("DATABASE_URL must end with the name of a database.")
# A unix socket's directory is ?host=… in the URL, where both libpq and we read it.
if "host" in DATABASES["default"].get("OPTIONS", {}):
    DATABASES["default"]["HOST"] = DATABASES["default"]["OPTIONS"].pop("host")
DATABASES["default"]["ENGINE"] = "common.postgresql"
DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
DATABASES["default"]["OPTIONS"] = {
    **DATABASES["default"].get("OPTIONS", {}),
    "pool": {"min_size": 1, "max_size": 8, "timeout": 5},
    # A request that waits longer than this for a row answers "try again" instead.
    "options": "-c lock_timeout=3s -c statement_timeout=60s"
    " -c idle_in_transaction_session_timeout=30s",
}

CACHE_URL = env.url("CACHE_URL", schemes={"redis", "rediss", "unix"})
CACHES = {
    "default": {
        "BACKEND": "common.cache.SharedCache",
        "LOCATION": CACHE_URL,
        "KEY_PREFIX": "greenroom",
    }
}

CELERY_BROKER_URL = env.url("BROKER_URL", schemes={"redis", "rediss", "redis+socket"})
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_TIME_LIMIT = 300
CELERY_TASK_ROUTES: dict[str, dict[str, str]] = {}
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TIMEZONE = "UTC"
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "visibility_timeout": 600,
    # Without these a killed worker's task waits about 100 s for the next worker.
    "unacked_restore_interval": 2,
    "unacked_restore_throttle": 1,
    "socket_connect_timeout": 0.5,
    # A request that wants to leave a hint tries once; the default waits for seconds.
    "max_retries": 0,
    "socket_timeout": 5,
}
# The schedule is the truth; a hint only makes it sooner.
CELERY_BEAT_SCHEDULE: dict[str, dict[str, object]] = {
    "continue-rosters": {
        "task": "ambassadors.tasks.continue_rosters",
        "schedule": timedelta(minutes=1),
    },
    "send-invitations": {
        "task": "ambassadors.tasks.send_invitations",
        "schedule": timedelta(minutes=1),
    },
    "write-of-endings": {
        "task": "ambassadors.tasks.write_of_endings",
        "schedule": timedelta(hours=1),
    },
    "remind-of-joining": {
        "task": "ambassadors.tasks.remind_of_joining",
        "schedule": timedelta(hours=1),
    },
    "write-farewells": {
        "task": "ambassadors.tasks.write_farewells",
        "schedule": timedelta(minutes=5),
    },
    "write-renewals": {
        "task": "ambassadors.tasks.write_renewals",
        "schedule": timedelta(minutes=1),
    },
    "announce-decisions": {
        "task": "ambassadors.tasks.announce_decisions",
        "schedule": timedelta(minutes=1),
    },
    "purge-applications": {
        "task": "ambassadors.tasks.purge_applications",
        "schedule": crontab(hour=3, minute=25),
    },
    "forget-programmes": {
        "task": "ambassadors.tasks.forget_programmes",
        "schedule": crontab(hour=2, minute=25),
    },
    "tell-of-changed-texts": {
        "task": "ambassadors.tasks.tell_of_changed_texts",
        "schedule": timedelta(minutes=10),
    },
    "end-terms": {"task": "ambassadors.tasks.end_terms", "schedule": timedelta(hours=1)},
    "forget-rosters": {"task": "ambassadors.tasks.forget_rosters", "schedule": timedelta(days=1)},
    "serve-queues": {
        "task": "events.tasks.serve_queues",
        "schedule": timedelta(minutes=1),
    },
    "settle-payments": {
        "task": "events.tasks.settle_payments",
        "schedule": timedelta(minutes=1),
    },
    "return-deposits": {
        "task": "events.tasks.return_deposits",
        "schedule": timedelta(minutes=5),
    },
    "extend-series": {
        "task": "events.tasks.extend_all_series",
        "schedule": timedelta(hours=1),
    },
    "apply-replies": {
        "task": "events.tasks.apply_replies",
        "schedule": timedelta(minutes=1),
    },
    "answer-letters": {
        "task": "portal.tasks.answer_letters",
        "schedule": timedelta(minutes=1),
    },
    "forget-logs": {
        "task": "portal.tasks.forget_logs",
        "schedule": crontab(hour=2, minute=40),
    },
    "forget-inbound-mail": {
        "task": "calendars.tasks.forget_mail",
        "schedule": timedelta(days=1),
    },
    "join-regulars": {
        "task": "events.tasks.join_regulars",
        "schedule": timedelta(hours=1),
    },
    "write-down-fetches": {
        "task": "calendars.tasks.write_down_fetches",
        "schedule": timedelta(minutes=5),
    },
    "follow-calendar-choices": {
        "task": "events.tasks.follow_choices",
        "schedule": timedelta(minutes=5),
    },
    "tidy-events": {
        "task": "events.tasks.tidy",
        "schedule": timedelta(hours=1),
    },
    "remind": {"task": "events.tasks.remind", "schedule": timedelta(minutes=5)},
    "send-notes": {"task": "events.tasks.send_notes", "schedule": timedelta(minutes=1)},
    "write-due-mails": {
        "task": "events.tasks.write_due_mails",
        "schedule": timedelta(minutes=1),
    },
    "forget-answers": {
        "task": "events.tasks.forget_answers",
        "schedule": crontab(hour=3, minute=15),
    },
    "forget-who-came": {
        "task": "events.tasks.forget_who_came",
        "schedule": crontab(hour=2, minute=10),
    },
    "forget-incidents": {
        "task": "events.tasks.forget_incidents",
        "schedule": crontab(hour=3, minute=35),
    },
    "send-messages": {
        "task": "notifications.tasks.send_messages",
        "schedule": timedelta(minutes=1),
    },
    "apply-notices": {
        "task": "payments.tasks.apply_notices",
        "schedule": timedelta(minutes=1),
    },
    "close-payment-pages": {
        "task": "payments.tasks.close_pages",
        "schedule": timedelta(minutes=1),
    },
    "send-refunds": {
        "task": "payments.tasks.send_refunds",
        "schedule": timedelta(minutes=1),
    },
    "forget-notices": {
        "task": "payments.tasks.forget_notices",
        "schedule": timedelta(days=1),
    },
    "seal-audit": {
        "task": "accounts.tasks.seal_audit",
        "schedule": timedelta(minutes=1),
    },
    "purge-mail-contents": {
        "task": "notifications.tasks.purge_contents",
        "schedule": crontab(hour=3, minute=10),
    },
    "forget-api-replies": {
        "task": "accounts.tasks.forget_api_replies",
        "schedule": timedelta(days=1),
    },
    "time-out-holds": {
        "task": "therapy_credits.tasks.time_out_holds",
        "schedule": timedelta(minutes=5),
    },
    "remind-of-sessions": {
        "task": "therapy_credits.tasks.remind_of_sessions",
        "schedule": timedelta(hours=1),
    },
    **{
        name.replace("_", "-"): {"task": f"therapy_credits.tasks.{name}", "schedule": every}
        for name, every in {
            "allocate_due": timedelta(minutes=10),
            "claw_back_due": crontab(hour=3, minute=20),
            "expire_lots": timedelta(minutes=15),
            "sweep_overdue_holds": crontab(hour=3, minute=30),
            "book_decided": timedelta(minutes=10),
            "serve_gifts": timedelta(minutes=1),
            "draft_statements": crontab(hour=5, minute=0),
            "purge_calls": crontab(hour=3, minute=50),
            "forget_care": crontab(hour=2, minute=55),
            "hand_to_covers": timedelta(minutes=30),
            "follow_licences": crontab(hour=4, minute=10),
            "alert_low_pools": crontab(hour=8, minute=0),
            "check_ledger": crontab(hour=3, minute=40),
        }.items()
    },
}
# Which tasks follow which hint (common/hints.py).
HINTS: dict[str, list[str]] = {
    "invitations-waiting": ["ambassadors.tasks.send_invitations"],
    "farewells-due": ["ambassadors.tasks.write_farewells"],
    "renewals-due": ["ambassadors.tasks.write_renewals"],
    "decisions-due": ["ambassadors.tasks.announce_decisions"],
    "agreement-published": ["ambassadors.tasks.tell_of_changed_texts"],
    "roster-waiting": ["ambassadors.tasks.continue_rosters"],
    "mail-arrived": ["events.tasks.apply_replies", "portal.tasks.answer_letters"],
    "mail-due": ["events.tasks.write_due_mails"],
    "calendar-form-chosen": ["events.tasks.follow_choices"],
    "note-written": ["events.tasks.send_notes"],
    "processor-told": ["payments.tasks.apply_notices"],
    "refunds-due": ["payments.tasks.send_refunds"],
    "charges-to-close": ["payments.tasks.close_pages"],
    "charges-changed": ["events.tasks.settle_payments"],
    "message-queued": ["notifications.tasks.send_messages"],
    "enrolment-changed": ["therapy_credits.tasks.allocate_due"],
    "allocation-due": ["therapy_credits.tasks.allocate_due"],
    "approval-decided": ["therapy_credits.tasks.book_decided"],
}

# --- How long things are kept --------------------------------------------------
# Each of these is a number of days, a proposal for counsel to confirm; docs/dpia.md has the list.
# How long after a date it is known who came, or wanted to.
ATTENDANCE_DAYS = env.number("ATTENDANCE_DAYS", default=730)
# What an ambassador did, when they were away, who was invited: so long after it was over.
PROGRAMME_DAYS = env.number("PROGRAMME_DAYS", default=730)
# What leads from a session to its person, and a case of the care desk: so long after the session
# was settled, or the case closed.
CARE_DAYS = env.number("CARE_DAYS", default=365)
# A worry about a person, once it was looked after.
CONCERN_DAYS = env.number("CONCERN_DAYS", default=1095)
# Who did what, and who looked at whom. The database refuses to let go of anything younger.
LOG_DAYS = env.number("LOG_DAYS", default=2192)
if LOG_DAYS < 2192:
    raise ImproperlyConfigured("LOG_DAYS must be 2192 (six years) or more.")
# So long an incident at an event is kept once it was looked after: by default three years, in which
# somebody who was hurt may still ask for it in many countries. For counsel to confirm.
INCIDENT_DAYS = env.number("INCIDENT_DAYS", default=1095)

# --- Care --------------------------------------------------------------------
# How many free first calls a person can have in a programme-year, one with each practitioner.
FIT_CALLS_A_YEAR = env.number("FIT_CALLS_A_YEAR", default=3)

# --- People ------------------------------------------------------------------
AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = [
    "django.contrib.auth.backends.ModelBackend",
    "accounts.adapters.SignInBackend",
]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 12},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_REDIRECT_URL = "/me/"
LOGIN_URL = "/accounts/login/"
# django-allauth ignores a misspelt name without a word: tests/accounts/test_settings.py reads
# its source for each of these.
ACCOUNT_ADAPTER = "portal.adapters.AccountAdapter"
ACCOUNT_FORMS = {
    "login": "accounts.forms.SignInForm",
    "signup": "accounts.forms.SignUpForm",
    "request_login_code": "accounts.forms.SignInCodeForm",
    "reset_password": "accounts.forms.NewPasswordForm",
    "add_email": "accounts.forms.NewAddressForm",
}
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*"]
ACCOUNT_DEFAULT_HTTP_PROTOCOL = urlsplit(BASE_URL).scheme
ACCOUNT_EMAIL_VERIFICATION = "mandatory"
ACCOUNT_EMAIL_VERIFICATION_BY_CODE_ENABLED = True
ACCOUNT_EMAIL_VERIFICATION_BY_CODE_TIMEOUT = 600
ACCOUNT_EMAIL_VERIFICATION_SUPPORTS_RESEND = True
ACCOUNT_LOGIN_BY_CODE_ENABLED = True
ACCOUNT_LOGIN_BY_CODE_TIMEOUT = 600
ACCOUNT_LOGIN_BY_CODE_SUPPORTS_RESEND = True
ACCOUNT_PREVENT_ENUMERATION = True
ACCOUNT_REAUTHENTICATION_REQUIRED = True
ACCOUNT_EMAIL_NOTIFICATIONS = True
ACCOUNT_CHANGE_EMAIL = True
ACCOUNT_SESSION_REMEMBER = True
MFA_FORMS = {"add_webauthn": "accounts.forms.AddPasskeyForm"}
MFA_ADAPTER = "accounts.adapters.SecondFactorAdapter"
MFA_SUPPORTED_TYPES = ["webauthn", "totp", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_TOTP_ISSUER = "Greenroom"
MFA_RECOVERY_CODES_SHOW_ONCE = True
# A passkey belongs to a name, and needs https: on a laptop open http://localhost, not 127.0.0.1.
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = DEBUG
# How many proxies stand in front and write X-Forwarded-For; the limits count by address.
ALLAUTH_TRUSTED_PROXY_COUNT = env.number("TRUSTED_PROXIES", default=0)
SPOTIFY_CLIENT_ID = env.text("SPOTIFY_CLIENT_ID", "")
SPOTIFY_CLIENT_SECRET = env.text("SPOTIFY_CLIENT_SECRET", None if SPOTIFY_CLIENT_ID else "")
# The button is there when there is an app to sign in with.
SOCIALACCOUNT_PROVIDERS: dict[str, dict[str, object]] = (
    {
        "spotify": {
            "APPS": [{"client_id": SPOTIFY_CLIENT_ID, "secret": SPOTIFY_CLIENT_SECRET}],
            "SCOPE": ["user-read-email"],
        }
    }
    if SPOTIFY_CLIENT_ID
    else {}
)
# Staff, finance and practices must have a second factor.
REQUIRE_MFA = env.flag("REQUIRE_MFA", default=True)
# Where the heads of the audit chain are written, off the database: best on another machine.
AUDIT_HEADS = Path(env.text("AUDIT_HEADS", str(VAR_DIR / "audit-heads.jsonl")))
# Whose sessions are short: 30 minutes idle, 12 hours in all. Each is asked once, at sign-in.
SHORT_SESSION_WHEN = [
    "accounts.rules.has_role",
    "therapy_credits.queries.practices.works_for_a_practice",
]

# --- Operations --------------------------------------------------------------
# Where pg_dump and pg_restore are, for `manage.py backup` and `restore`. Empty: on the PATH.
PG_PROGRAMS = env.text("PG_PROGRAMS", "")
# How long old backups of the keys of care are kept: what was forgotten can be read in them.
KEY_BACKUP_DAYS = env.number("KEY_BACKUP_DAYS", default=30)
# Who may read /metrics; empty: nobody.
METRICS_TOKEN = env.text("METRICS_TOKEN", "")

# --- Language and time -------------------------------------------------------
USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en"
LANGUAGES = [
    ("en", _("English")),
    ("es", _("Spanish")),
    ("pt-br", _("Brazilian Portuguese")),
    ("fr", _("French")),
    ("de", _("German")),
    ("ar", _("Arabic")),
]
LOCALE_PATHS = [BASE_DIR / "locale"]
FORMAT_MODULE_PATH = ["config.formats"]

# --- Files -------------------------------------------------------------------
STATIC_URL = "/static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEBUG
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}

# --- Logs --------------------------------------------------------------------
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    # Secret links are kept out of every line, also of the server's own.
    "filters": {"secrets": {"()": "common.logs.RedactSecrets"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "filters": ["secrets"]}},
    "root": {"handlers": ["console"], "level": "INFO"},
    "loggers": {
        "django": {"handlers": [], "level": "INFO", "propagate": True},
        "django.server": {"handlers": ["console"], "level": "INFO", "propagate": False},
    },
}

# --- Mail --------------------------------------------------------------------
# file:///… writes one .eml per message; smtp(s)://user:password@host:port sends.
EMAIL_URL = env.url(
    "EMAIL_URL", f"file://{VAR_DIR / 'mail'}", schemes={"file", "smtp", "smtps", "smtp+tls"}
)

# Mail that comes in: answers of calendars, and what people write. Empty: nobody may hand it in
# over HTTP, and `manage.py receive_mail` is the only way.
MAIL_WEBHOOK_SECRET = env.text("MAIL_WEBHOOK_SECRET", "")
MAIL_WEBHOOK_FORM = env.text("MAIL_WEBHOOK_FORM", "raw")
MAIL_WEBHOOK_KEY = env.text("MAIL_WEBHOOK_KEY", "")
# The name with which our mail server signs its Authentication-Results. Empty: no sender is
# proved, so no answer of a calendar counts.
MAIL_AUTH_SERVER = env.text("MAIL_AUTH_SERVER", "")

# --- Payments ----------------------------------------------------------------
# Empty: nothing can be paid, and no event with a price can be published. On a laptop `make run`
# puts its stand-in here (config/local/card_stand_in.py).
STRIPE_SECRET_KEY = env.text("STRIPE_SECRET_KEY", "")
# What Stripe signs its notices with.
STRIPE_WEBHOOK_SECRET = env.text("STRIPE_WEBHOOK_SECRET", None if STRIPE_SECRET_KEY else "")
STRIPE_API_BASE = env.url(
    "STRIPE_API_BASE",
    "https://api.stripe.com",
    schemes={"https", "http"} if DEBUG else {"https"},
).rstrip("/")
# Where people are sent to pay.
PAYMENT_PAGES = (
    "https://checkout.stripe.com"
    if STRIPE_API_BASE == "https://api.stripe.com"
    else STRIPE_API_BASE
)

# --- The browser's rules -----------------------------------------------------
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "manifest-src": [SELF],
        # Signing in with Spotify is a form here that is sent on to there, and so is paying.
        "form-action": [
            SELF,
            *(["https://accounts.spotify.com"] if SPOTIFY_CLIENT_ID else []),
            *([PAYMENT_PAGES] if STRIPE_SECRET_KEY else []),
        ],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
    }
}
X_FRAME_OPTIONS = "DENY"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SESSION_ENGINE = "common.sessions"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_AGE = int(timedelta(days=14).total_seconds())
if not DEBUG:
    SECURE_SSL_REDIRECT = BASE_URL.startswith("https")
    # Probes come from inside, past the proxy that speaks TLS.
    SECURE_REDIRECT_EXEMPT = ["^healthz$", "^readyz$", "^metrics$"]
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    SECURE_HSTS_SECONDS = int(timedelta(days=365).total_seconds())
    SECURE_HSTS_INCLUDE_SUBDOMAINS = True
    SECURE_HSTS_PRELOAD = True
    SESSION_COOKIE_SECURE = True
    SESSION_COOKIE_NAME = "__Host-session"
    CSRF_COOKIE_SECURE = True
    CSRF_COOKIE_NAME = "__Host-csrf"
    LANGUAGE_COOKIE_SECURE = True
