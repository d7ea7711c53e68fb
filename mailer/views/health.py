"""Whether this process is well, for whoever looks after it: public, and with no word that a stranger may not read."""

from __future__ import annotations

import asyncio
import functools
from concurrent.futures import ThreadPoolExecutor

import redis.asyncio
from asgiref.sync import sync_to_async
from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.db import Error, connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from mailer.stats.progress import sender_notice

PATIENCE = 3.0  # seconds for all of it
OK, NO_ANSWER, NOT_CONFIGURED, UNAPPLIED, UNKNOWN = "ok", "no answer", "not configured", "unapplied", "unknown"
# Of its own: a request's thread that hangs in a frozen database would hold up the answer.
_database_thread = ThreadPoolExecutor(1, "health")


@login_not_required
@never_cache
@require_safe
async def healthz(_request: HttpRequest) -> HttpResponse:
    """The process answers. It asks nobody."""
    return HttpResponse("ok", content_type="text/plain; charset=utf-8")


@login_not_required
@never_cache
@require_safe
async def readyz(_request: HttpRequest) -> HttpResponse:
    """200 where all that the pages need is there, 503 otherwise. Sending is told, but is another process's matter."""
    database, redis_state = await asyncio.gather(_database(), _redis())
    states = {**database, "redis": redis_state}
    needed = (states["database"], states["migrations"], states["redis"])
    is_ready = all(state in (OK, NOT_CONFIGURED) for state in needed)
    return JsonResponse({"ready": is_ready, **states}, status=200 if is_ready else 503)


async def _database() -> dict[str, str]:
    look = sync_to_async(_look_at_database, thread_sensitive=False, executor=_database_thread)
    try:
        async with asyncio.timeout(PATIENCE):
            return await look()
    except (Error, TimeoutError):
        return {"database": NO_ANSWER, "migrations": UNKNOWN, "sender": UNKNOWN}


def _look_at_database() -> dict[str, str]:
    try:
        missing = _shipped_migrations() - set(MigrationRecorder(connection).applied_migrations())
        if missing:
            return {"database": OK, "migrations": UNAPPLIED, "sender": UNKNOWN}
        notice = sender_notice()
        return {"database": OK, "migrations": OK, "sender": notice.code if notice else OK}
    finally:
        connection.close()


@functools.cache
def _shipped_migrations() -> frozenset[tuple[str, str]]:
    """App and name of every migration that came with the code."""
    return frozenset(MigrationLoader(None).disk_migrations)


async def _redis() -> str:
    urls = {settings.REDIS_URL} if settings.REDIS_URL else set()
    if settings.CACHE_ENABLED:
        urls.add(settings.CACHES["statistics"]["LOCATION"])
    if not urls:
        return NOT_CONFIGURED
    answers = await asyncio.gather(*(_answers(url) for url in urls))
    return OK if all(answers) else NO_ANSWER


async def _answers(url: str) -> bool:
    try:
        async with asyncio.timeout(PATIENCE), redis.asyncio.Redis.from_url(url) as client:
            await client.ping()
    except (redis.exceptions.RedisError, OSError):  # TimeoutError is one of these
        return False
    return True
