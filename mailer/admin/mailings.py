from __future__ import annotations

from datetime import datetime
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from core.admin.bounded import LockingAdmin
from core.models import User
from mailer.admin.links import list_link
from mailer.delivery.transitions import TransitionRefused, change_status
from mailer.forms.mailings import EDITABLE, FIELDS, audit_window, keep_message
from mailer.forms.times import validate_year
from mailer.models import Attempt, Delivery, Mailing, Recipient
from mailer.stats.progress import delivery_counts


class MailingAdminForm(forms.ModelForm):  # type: ignore[type-arg]  # not generic at run time
    def clean_starts_at(self) -> datetime:
        return _sane(self.cleaned_data["starts_at"])

    def clean_ends_at(self) -> datetime:
        return _sane(self.cleaned_data["ends_at"])

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        owner = cleaned.get("owner") or (self.instance.owner if self.instance.pk else None)
        message = cleaned.get("message")
        if owner and message and message.owner_id != owner.pk:
            self.add_error("message", ValidationError(_("This message belongs to somebody else than the mailing.")))
        keep_message(self)
        return cleaned


@admin.register(Mailing)
class MailingAdmin(LockingAdmin):
    """Editable until it is launched, like everywhere; its status changes by actions, never by hand."""

    form = MailingAdminForm
    fields = (
        *("owner", "message", "everyone", "chosen", "from_name", "from_address", "reply_to", "starts_at", "ends_at"),
        *("status", "reason", "ledger", "launched_at", "created_at"),
    )
    readonly_fields = ("chosen", "status", "reason", "ledger", "launched_at", "created_at")
    autocomplete_fields = ("owner", "message")
    list_display = ("__str__", "owner", "status", "starts_at", "ends_at", "launched_at")
    list_select_related = ("owner", "message")
    list_filter = ("status", "starts_at", "ends_at", "created_at")
    search_fields = ("id__exact", "message__subject", "=owner__email")
    search_help_text = gettext_lazy("A number, words of the subject, or the owner's whole email address.")
    actions = ("pause", "cancel")

    def get_readonly_fields(self, request: HttpRequest, obj: Mailing | None = None) -> Any:
        """The owner stays: message and recipients are theirs."""
        return (*self.readonly_fields, "owner") if obj else self.readonly_fields

    def has_change_permission(self, request: HttpRequest, obj: Mailing | None = None) -> bool:
        return super().has_change_permission(request, obj) and (obj is None or obj.status in EDITABLE)

    def has_delete_permission(self, request: HttpRequest, obj: Mailing | None = None) -> bool:
        return super().has_delete_permission(request, obj) and (obj is None or not obj.is_launched)

    def save_model(self, request: HttpRequest, obj: Mailing, form: Any, change: bool) -> None:
        if not change:
            super().save_model(request, obj, form, change)
            return
        before = Mailing.objects.get(pk=obj.pk)
        obj.save(update_fields=[*FIELDS, "everyone"])
        audit_window(_actor(request), before, obj)

    @admin.display(description=gettext_lazy("Chosen recipients"))
    def chosen(self, mailing: Mailing) -> SafeString | str:
        return "-" if mailing.everyone else list_link(Recipient, _("Show"), mailings=mailing.pk)

    @admin.display(description=gettext_lazy("Reason"))
    def reason(self, mailing: Mailing) -> str:
        return str(mailing.why) or "-"

    @admin.display(description=gettext_lazy("Ledger"))
    def ledger(self, mailing: Mailing) -> SafeString | str:
        """Its deliveries by state, and its attempts, on pages of their own."""
        if not mailing.is_launched:
            return "-"
        counts = delivery_counts([mailing.pk])[mailing.pk]
        links = [
            (list_link(Delivery, f"{label}: {counts[state]}", mailing=mailing.pk, state=state),)
            for state, label in Delivery.State.choices
            if counts[state]
        ]
        links += [
            (list_link(Delivery, _("All deliveries"), mailing=mailing.pk),),
            (list_link(Attempt, _("All attempts"), mailing=mailing.pk),),
        ]
        return format_html("{}", format_html_join(" · ", "{}", links))

    @admin.action(description=gettext_lazy("Pause"), permissions=["change"])
    def pause(self, request: HttpRequest, queryset: QuerySet[Mailing]) -> None:
        n = self._change_status(request, queryset, "pause")
        if n:
            said = ngettext("%(n)d mailing paused.", "%(n)d mailings paused.", n) % {"n": n}
            self.message_user(request, said, messages.SUCCESS)

    @admin.action(description=gettext_lazy("Cancel for good"), permissions=["change"])
    def cancel(self, request: HttpRequest, queryset: QuerySet[Mailing]) -> None:
        n = self._change_status(request, queryset, "cancel")
        if n:
            said = ngettext("%(n)d mailing cancelled.", "%(n)d mailings cancelled.", n) % {"n": n}
            self.message_user(request, said, messages.SUCCESS)

    def _change_status(self, request: HttpRequest, mailings: QuerySet[Mailing], action: str) -> int:
        """How many changed. Each is its own transaction; a refused one is told, and the others go on."""
        done = 0
        for mailing in mailings.select_related("message").order_by("pk"):
            try:
                change_status(mailing.pk, action, _actor(request))
                done += 1
            except TransitionRefused as refused:
                self.message_user(request, f"{mailing}: {refused}", messages.WARNING)
            except Mailing.DoesNotExist:
                self.message_user(request, _("%(mailing)s is gone.") % {"mailing": mailing}, messages.WARNING)
        return done


def _sane(moment: datetime) -> datetime:
    validate_year(moment)
    return moment


def _actor(request: HttpRequest) -> User:
    assert request.user.is_authenticated  # noqa: S101 - the admin site lets nobody else in
    return request.user
