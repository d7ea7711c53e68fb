"""Links from one admin page to another's list."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.db.models import Model
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString


def list_link(model: type[Model], label: Any, **filters: Any) -> SafeString:
    """To the model's list, filtered: `list_link(Attempt, "All", mailing=1)`."""
    address = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
    query = urlencode({f"{name}__exact": value for name, value in filters.items()})
    return format_html('<a href="{}?{}">{}</a>', address, query, label)
