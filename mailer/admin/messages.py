from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from core.admin.bounded import BoundedAdmin
from mailer.forms.messages import MessageForm
from mailer.models import Message


class MessageAdminForm(MessageForm):
    seen = None  # type: ignore[assignment]  # this removes the field


@admin.register(Message)
class MessageAdmin(BoundedAdmin):
    form = MessageAdminForm
    fields = ("owner", "subject", "body", "created_at", "updated_at")
    readonly_fields = ("created_at", "updated_at")
    autocomplete_fields = ("owner",)
    list_display = ("subject", "owner", "created_at", "updated_at")
    list_select_related = ("owner",)
    list_filter = ("created_at", "updated_at")
    search_fields = ("subject", "=owner__email")

    def get_readonly_fields(self, request: HttpRequest, obj: Message | None = None) -> Any:
        """The owner stays: mailings of theirs may use it."""
        return (*self.readonly_fields, "owner") if obj else self.readonly_fields
