"""Forms that touch the database, validated and saved in one thread hop."""

from __future__ import annotations

from typing import Any

from asgiref.sync import sync_to_async
from django.db import transaction
from django.forms import BaseForm


async def ais_valid(form: BaseForm) -> bool:
    """`form.is_valid()` off the event loop: a ModelForm asks the database whether a value is taken."""
    return await sync_to_async(form.is_valid)()


async def save_valid(form: Any) -> Any | None:
    """What the form saved, or None where it is not valid; in one transaction."""

    def validate_and_save() -> Any | None:
        with transaction.atomic():
            return form.save() if form.is_valid() else None

    return await sync_to_async(validate_and_save)()
