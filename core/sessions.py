"""Sessions in the database, by keys that it can be asked for."""

from __future__ import annotations

from django.contrib.sessions.backends import db


class SessionStore(db.SessionStore):
    def __init__(self, session_key: str | None = None) -> None:
        """A key such as no session has is none: PostgreSQL can't be asked for a NUL, and a cookie may hold one."""
        is_one = session_key is not None and session_key.isascii() and session_key.isalnum()
        super().__init__(session_key if is_one else None)
