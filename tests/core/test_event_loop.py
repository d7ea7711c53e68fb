from __future__ import annotations

import asyncio
import sys

import pytest
import uvloop

from core.event_loop import run


async def running_loop() -> asyncio.AbstractEventLoop:
    return asyncio.get_running_loop()


def test_it_runs_on_uvloop_where_that_is_installed() -> None:
    assert isinstance(run(running_loop()), uvloop.Loop)


def test_it_runs_on_asyncios_own_loop_elsewhere(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "uvloop", None)
    assert isinstance(run(running_loop()), asyncio.BaseEventLoop)
    assert capfd.readouterr() == ("", "")
