from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from core.admin.bounded import ReadOnlyAdmin
from mailer.admin.searching import with_address
from mailer.models import Suppression


@admin.register(Suppression)
class SuppressionAdmin(ReadOnlyAdmin):
    """To be looked up here; added and lifted on the site's pages, with a reason."""

    list_display = ("address_key", "reason", "owner", "source", "created_at", "lifted_at")
    list_select_related = ("owner",)
    list_filter = ("reason", "created_at", "lifted_at")
    search_fields = ("=address_key",)
    search_help_text = gettext_lazy("A whole email address. No more than 10,000 are counted and paged.")
    fields = (
        *("address_key", "owner", "reason", "source", "delivery", "added_by", "why", "words", "created_at"),
        *("lifted_at", "lifted_by", "lift_reason", "page"),
    )
    readonly_fields = ("page",)

    def get_search_results(self, request: HttpRequest, queryset: QuerySet[Any], search_term: str) -> Any:
        return (with_address(queryset, search_term) if search_term else queryset), False

    @admin.display(description=gettext_lazy("Page"))
    def page(self, suppression: Suppression) -> SafeString:
        return format_html(
            '<a href="{}">{}</a>', reverse("suppression_detail", args=[suppression.pk]), _("See and lift")
        )
