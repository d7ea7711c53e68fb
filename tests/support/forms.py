"""A form as a browser sends it back."""

from __future__ import annotations

from typing import Any

from django.test import Client


def opened(client: Client, path: str) -> dict[str, Any]:
    """What a browser would send back from the form on this page."""
    form = client.get(path).context["form"]
    values = {bound.html_name: bound.value() for bound in form}
    return {name: _as_typed(value) for name, value in values.items()}


def _as_typed(value: Any) -> Any:
    return f"{value:%Y-%m-%dT%H:%M}" if hasattr(value, "tzinfo") else value
