"""What the experiments share. Loaded before the settings are there, so that models are imported only when used."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.chaos.support.accept_log import AcceptLog
from tests.chaos.support.report import Report
from tests.chaos.support.sizes import GROUPS, IS_FULL, SEED, SIZES, WAY, Sizes
from tests.support.smtp_server import NO_GROUPS

if TYPE_CHECKING:
    from core.models import User
    from mailer.models import Mailing


def pytest_report_header() -> str:
    return f"chaos: {'full' if IS_FULL else 'short'}, seed {SEED}"


@pytest.fixture
def sizes() -> Sizes:
    return SIZES


@pytest.fixture
def dice(request: pytest.FixtureRequest) -> random.Random:
    """Chance by the seed, its own for each test."""
    return random.Random(f"{SEED} {request.node.name}")


@pytest.fixture(params=GROUPS, ids=WAY)
def pipelining(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Whether the mail servers offer PIPELINING: with it, and in `make chaos` also without."""
    monkeypatch.setenv(NO_GROUPS, "" if request.param else "1")
    return bool(request.param)


@pytest.fixture
def log(tmp_path: Path) -> AcceptLog:
    return AcceptLog(tmp_path / "accepted.log")


@pytest.fixture
def report(request: pytest.FixtureRequest) -> Report:
    tried_both_ways = "pipelining" in request.fixturenames
    return Report(f", {WAY(request.getfixturevalue('pipelining'))}" if tried_both_ways else "")


@pytest.fixture
def launched(owner: User) -> Callable[[int], Mailing]:
    """`launched(n)`: a mailing to so many people, on its way."""
    from mailer.delivery.transitions import change_status
    from tests.support.mailings import make_crowd, make_mailing

    def launch(n: int) -> Mailing:
        make_crowd(owner, n)
        return change_status(make_mailing(owner).pk, "start", owner)

    return launch
