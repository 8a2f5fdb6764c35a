"""Settings of the common design: PostgreSQL, and nothing that slows a command down."""

import os
from urllib.parse import urlsplit

_database = urlsplit(os.environ["BENCH_DATABASE"])
SECRET_KEY = "a benchmark signs nothing"  # noqa: S105 - Django wants one
INSTALLED_APPS = ["bench.peers.by_django"]
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": _database.path.lstrip("/"),
        "USER": _database.username,
        "HOST": _database.hostname,
        "PORT": _database.port,
        "CONN_MAX_AGE": None,
    }
}
