from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.contrib.staticfiles import finders
from django.http import HttpRequest, HttpResponse
from django.test import AsyncClient, AsyncRequestFactory

from core.middleware import StaticFilesMiddleware


@pytest.mark.parametrize("path", ["core/vendor/bootstrap/bootstrap.min.css", "admin/css/base.css"])
async def test_it_serves_them_without_collecting_them_first(path: str) -> None:
    response: Any = await AsyncClient().get(f"/static/{path}", headers={"accept-encoding": "identity"})
    assert response.status_code == 200
    assert b"".join([part async for part in response]) == Path(finders.find(path) or "").read_bytes()  # noqa: ASYNC240


@pytest.mark.parametrize("debug", [True, False])
async def test_it_answers_404_for_a_missing_one(settings: Any, debug: bool) -> None:
    settings.DEBUG = debug

    async def page(request: HttpRequest) -> HttpResponse:
        return HttpResponse(status=404)

    response = await StaticFilesMiddleware(page)(AsyncRequestFactory().get("/static/none.map"))
    assert response.status_code == 404
