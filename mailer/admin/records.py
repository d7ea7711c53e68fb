"""What the program writes down for itself and for whoever asks later."""

from __future__ import annotations

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from core.admin.bounded import ReadOnlyAdmin
from mailer.models import (
    AttemptCount,
    AuditEntry,
    Decision,
    Instance,
    MailingContent,
    MailingCount,
    SentTest,
    Throttle,
    Worker,
)
from mailer.reasons import StatusReason

BY_MAILING = _("The number of a mailing.")


@admin.register(MailingContent)
class MailingContentAdmin(ReadOnlyAdmin):
    list_display = ("mailing_id", "subject", "from_email", "frozen_at")
    list_filter = ("frozen_at",)
    search_fields = ("mailing__id__exact", "subject", "=from_email")


@admin.register(MailingCount)
class MailingCountAdmin(ReadOnlyAdmin):
    list_display = ("mailing", "state", "worker", "n")
    list_select_related = ("mailing__message",)
    search_fields = ("mailing__id__exact",)
    search_help_text = BY_MAILING


@admin.register(AttemptCount)
class AttemptCountAdmin(ReadOnlyAdmin):
    list_display = ("mailing", "hour", "status", "worker", "n")
    list_select_related = ("mailing__message",)
    list_filter = ("hour",)
    search_fields = ("mailing__id__exact",)
    search_help_text = BY_MAILING


@admin.register(Throttle)
class ThrottleAdmin(ReadOnlyAdmin):
    list_display = ("mailing", "most", "period", "last_slot_at")
    list_select_related = ("mailing__message",)
    search_fields = ("mailing__id__exact",)
    search_help_text = BY_MAILING


@admin.register(SentTest)
class SentTestAdmin(ReadOnlyAdmin):
    list_display = ("sent_at", "user", "email", "status", "server_response", "message", "mailing")
    list_select_related = ("user", "message", "mailing__message")
    list_filter = ("status", "sent_at")
    search_fields = ("=email", "=user__email", "mailing__id__exact")
    search_help_text = _("A whole email address, of the user or one that was mailed, or the number of a mailing.")


@admin.register(Worker)
class WorkerAdmin(ReadOnlyAdmin):
    list_display = ("__str__", "started_at", "last_seen", "lease_expires_at", "trouble")
    list_filter = ("last_seen", "started_at")
    search_fields = ("host", "trouble")


@admin.register(Instance)
class InstanceAdmin(ReadOnlyAdmin):
    list_display = ("token", "forked_from")
    search_fields = ("=token",)


@admin.register(Decision)
class DecisionAdmin(ReadOnlyAdmin):
    list_display = ("made_at", "actor", "choice", "delivery", "attempt_number", "mailing")
    list_select_related = ("actor", "delivery", "mailing__message")
    list_filter = ("made_at",)
    search_fields = ("mailing__id__exact",)
    search_help_text = BY_MAILING


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnlyAdmin):
    list_display = ("created_at", "actor", "action", "mailing", "user", "suppression", "before", "after", "why")
    list_select_related = ("actor", "user", "suppression", "mailing__message")
    list_filter = ("created_at",)
    search_fields = ("=action", "=actor__email", "=user__email", "mailing__id__exact")
    fields = ("created_at", "actor", "action", "mailing", "user", "suppression", "before", "after", "why")
    readonly_fields = ("why",)
    search_help_text = _("An action like pause, the whole email address of a user, or the number of a mailing.")

    @admin.display(description=_("Reason"))
    def why(self, entry: AuditEntry) -> str:
        return str(StatusReason(entry.reason, entry.words)) or "-"
