"""The home page's figures are the database's, with the cache on, off, dead and frozen."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import redis
from asgiref.sync import async_to_sync
from django.core.cache import caches
from django.db import connection
from django.db.models import Count, Q
from django.test.utils import CaptureQueriesContext

from core.clock import db_now, shifted
from core.models import User
from mailer.delivery.engine import Until
from mailer.delivery.schedule import change_status, run_schedule
from mailer.models import Attempt, Mailing, Recipient
from mailer.stats import caching
from mailer.stats.figures import Figures, overview, public_figures
from tests.support.engine import send
from tests.support.mailings import make_crowd, make_mailing, make_recipients
from tests.support.servers import free_port, start_redis
from tests.support.smtp_server import SmtpServer

pytestmark = pytest.mark.django_db(transaction=True)

NOBODY_LISTENS = "redis://127.0.0.1:1"


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    """No Redis has failed yet."""
    monkeypatch.setattr(caching, "_resting_until", 0.0)


@pytest.fixture
def cache_at(settings: Any) -> Callable[[str], None]:
    """`cache_at(url)`: CACHE_ENABLED with that Redis."""

    def use(url: str) -> None:
        options = {"SOCKET_CONNECT_TIMEOUT": 0.5, "SOCKET_TIMEOUT": 0.5}
        statistics = {"BACKEND": "django_redis.cache.RedisCache", "LOCATION": url, "OPTIONS": options}
        settings.CACHES = settings.CACHES | {"statistics": statistics}

    return use
