"""What is told to whoever looks after the process."""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder
from django.test import AsyncClient

from mailer.delivery.lease import renew_lease
from mailer.views.health import PATIENCE
from tests.support.processes import get, running_without_database, suite_variables
from tests.support.results import a_worker
from tests.support.servers import free_port

pytestmark = pytest.mark.django_db(transaction=True)

NEWEST = ("mailer", "0002_reasons_and_counts")
IN_TIME = 5 * PATIENCE  # on a busy machine; whoever waits for what is silent waits for ever


@pytest.fixture
def silent_server() -> Iterator[int]:
    """The port of a server that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


async def readiness(client: AsyncClient) -> tuple[int, dict[str, Any]]:
    response = await client.get("/readyz")
    assert response["Cache-Control"] == "max-age=0, no-cache, no-store, must-revalidate, private"
    return response.status_code, json.loads(response.content)


async def test_it_is_ready_when_all_answers_though_no_sender_runs(async_client: AsyncClient) -> None:
    assert await readiness(async_client) == (
        200,
        {"ready": True, "database": "ok", "migrations": "ok", "sender": "no_sender", "redis": "ok"},
    )


def test_it_tells_how_the_sender_is_without_the_servers_words(client: Any) -> None:
    worker = a_worker()
    assert client.get("/readyz").json()["sender"] == "ok"
    renew_lease(worker, "Connection refused by smtp.example.net:587")
    response = client.get("/readyz")
    assert (response.status_code, response.json()["sender"]) == (200, "trouble")
    assert "smtp.example.net" not in response.content.decode()


def test_it_is_not_ready_before_the_database_is_migrated(client: Any) -> None:
    recorder = MigrationRecorder(connection)
    recorder.record_unapplied(*NEWEST)
    try:
        response = client.get("/readyz")
    finally:
        recorder.record_applied(*NEWEST)
    assert (response.status_code, response.json()["migrations"]) == (503, "unapplied")


@pytest.mark.parametrize(("redis_url", "state"), [("", "not configured"), ("redis://127.0.0.1:1/0", "no answer")])
async def test_it_asks_redis_where_there_should_be_one(
    async_client: AsyncClient, settings: Any, redis_url: str, state: str
) -> None:
    settings.REDIS_URL = redis_url
    status, told = await readiness(async_client)
    assert (status, told["redis"], told["database"]) == (200 if not redis_url else 503, state, "ok")


async def test_it_asks_the_redis_of_the_cache_too(async_client: AsyncClient, settings: Any) -> None:
    settings.CACHE_ENABLED = True
    settings.CACHES = settings.CACHES | {"statistics": {"LOCATION": "redis://127.0.0.1:1/0"}}
    assert (await readiness(async_client))[0] == 503


async def test_a_silent_redis_does_not_hold_up_the_answer(
    async_client: AsyncClient, settings: Any, silent_server: int
) -> None:
    settings.REDIS_URL = f"redis://127.0.0.1:{silent_server}"
    began = time.monotonic()
    assert (await readiness(async_client))[0] == 503
    assert time.monotonic() - began < IN_TIME


@pytest.mark.skipif(os.environ.get("TEST_DB") == "sqlite", reason="SQLite is no server that can go away")
@pytest.mark.parametrize("silent", [False, True], ids=["gone", "silent"])
def test_without_its_database_the_process_answers_and_says_so_in_time(silent: bool, silent_server: int) -> None:
    port = str(silent_server if silent else free_port())
    variables = suite_variables() | {"DB_NAME": "mailing", "DB_HOST": "127.0.0.1", "DB_PORT": port}
    with running_without_database(**variables) as address:
        assert get(f"{address}/healthz") == (200, "ok")
        for _look in range(2):
            began = time.monotonic()
            status, told = get(f"{address}/readyz")
            assert time.monotonic() - began < IN_TIME
            assert (status, json.loads(told)["database"], json.loads(told)["redis"]) == (503, "no answer", "ok")
        assert get(f"{address}/healthz") == (200, "ok")
