from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from core.admin.bounded import LockingAdmin, ReadOnlyAdmin
from mailer.forms.messages import MessageForm
from mailer.models import Attachment, FrozenAttachment, Message


class MessageAdminForm(MessageForm):
    seen = None  # type: ignore[assignment]  # this removes the field


@admin.register(Message)
class MessageAdmin(LockingAdmin):
    form = MessageAdminForm
    fields = ("owner", "subject", "kind", "body", "alternative", "created_at", "updated_at")
    readonly_fields = ("created_at", "updated_at")
    autocomplete_fields = ("owner",)
    list_display = ("__str__", "kind", "owner", "created_at", "updated_at")
    list_select_related = ("owner",)
    list_filter = ("kind", "created_at", "updated_at")
    search_fields = ("subject", "=owner__email")

    def get_readonly_fields(self, request: HttpRequest, obj: Message | None = None) -> Any:
        """The owner stays: mailings of theirs may use it."""
        return (*self.readonly_fields, "owner") if obj else self.readonly_fields


class FileAdmin(ReadOnlyAdmin):
    """Files are added and removed with their message, on its own page; here they are only listed."""

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).defer("data")


@admin.register(Attachment)
class AttachmentAdmin(FileAdmin):
    list_display = ("name", "content_type", "size", "message", "created_at")
    list_select_related = ("message",)
    list_filter = ("created_at",)
    search_fields = ("=message__owner__email",)
    search_help_text = _("The owner's whole email address.")


@admin.register(FrozenAttachment)
class FrozenAttachmentAdmin(FileAdmin):
    list_display = ("name", "content_type", "size", "frozen_content")
    list_select_related = ("frozen_content",)
    search_fields = ("frozen_content__mailing__id__exact",)
    search_help_text = _("The number of a mailing.")
