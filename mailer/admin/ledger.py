"""Deliveries and attempts: to be read, never to be changed."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.text import Truncator
from django.utils.translation import gettext_lazy as _

from core.admin.bounded import ReadOnlyAdmin
from mailer.admin.links import list_link
from mailer.admin.searching import ADDRESS_OR_MAILING, deliveries_found, number_in
from mailer.models import Attempt, Delivery
from mailer.skipped import why_skipped

SHOWN_WORDS = 80


@admin.register(Delivery)
class DeliveryAdmin(ReadOnlyAdmin):
    list_display = ("email", "state", "attempt_count", "next_attempt_at", "full_name", "mailing")
    list_select_related = ("mailing__message",)
    list_filter = ("state",)
    search_fields = ("=address_key",)
    search_help_text = ADDRESS_OR_MAILING
    fields = (
        *("mailing", "recipient", "email", "full_name", "state", "why_skipped", "attempt_count", "attempts"),
        *("next_attempt_at", "worker", "message_id", "dated_at", "merge_data"),
    )
    readonly_fields = ("attempts", "why_skipped")

    def get_search_results(self, request: HttpRequest, queryset: QuerySet[Any], search_term: str) -> Any:
        return (deliveries_found(queryset, search_term) if search_term else queryset), False

    @admin.display(description=_("Reason"))
    def why_skipped(self, delivery: Delivery) -> str:
        return why_skipped(delivery.state_reason) or "-"

    @admin.display(description=_("Every attempt"))
    def attempts(self, delivery: Delivery) -> SafeString:
        return list_link(Attempt, _("Show"), delivery=delivery.pk)


@admin.register(Attempt)
class AttemptAdmin(ReadOnlyAdmin):
    list_display = ("finished_at", "to", "number", "status", "reply_code", "enhanced_code", "words")
    list_select_related = ("delivery",)
    list_filter = ("status", "finished_at")
    search_fields = ("=delivery__address_key",)
    search_help_text = ADDRESS_OR_MAILING

    def get_search_results(self, request: HttpRequest, queryset: QuerySet[Any], search_term: str) -> Any:
        if not search_term:
            return queryset, False
        if (number := number_in(search_term)) is not None:
            return queryset.filter(mailing=number), False
        return queryset.filter(delivery__in=deliveries_found(Delivery.objects.all(), search_term)), False

    @admin.display(description=_("Email"))
    def to(self, attempt: Attempt) -> str:
        return attempt.delivery.email

    @admin.display(description=_("Server response"))
    def words(self, attempt: Attempt) -> str:
        return Truncator(attempt.server_response).chars(SHOWN_WORDS)
