from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.smtp_server import SmtpServer


@pytest.fixture
def site(settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[SmtpServer | int], None]:
    """`site(server)`: this site's mail server is that one (or whatever listens on that port).

    The gate trusts a look for long: on a busy machine it would else shut, rightly, and mails be claimed again.
    """
    monkeypatch.setattr("mailer.delivery.gate.TRUSTED_FOR", 30.0)
    settings.DATA_DIR = tmp_path
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_USE_TLS, settings.EMAIL_TIMEOUT = "127.0.0.1", False, 5

    def use(server: SmtpServer | int) -> None:
        settings.EMAIL_PORT = server if isinstance(server, int) else server.port

    return use
