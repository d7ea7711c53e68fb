from __future__ import annotations

from collections import Counter
from io import StringIO

import pytest

from mailer.delivery.ledger import Recorded
from mailer.management import progress
from mailer.management.progress import progress_on


class Terminal(StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_gets_a_bar() -> None:
    terminal = Terminal()
    with progress_on(terminal, 10) as on_recorded:
        on_recorded(Recorded(outcomes=Counter(sent=9, failed=1)))
    assert "10/10" in terminal.getvalue()
    assert "1 failed, 9 sent" in terminal.getvalue()


def test_a_pipe_gets_plain_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "LINE_EVERY", 0.0)
    pipe = StringIO()
    with progress_on(pipe, 10) as on_recorded:
        on_recorded(Recorded(outcomes=Counter(sent=4)))
        on_recorded(Recorded(outcomes=Counter(sent=5, deferred=1)))
    assert pipe.getvalue() == "4 sent\n1 deferred, 9 sent\n"
