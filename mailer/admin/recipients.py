from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from core.admin.bounded import BoundedAdmin
from core.models import User
from mailer.address_book import delete_for_good
from mailer.admin.links import list_link
from mailer.admin.searching import with_address
from mailer.forms.recipients import RecipientForm
from mailer.models import Delivery, Recipient


class RecipientAdminForm(RecipientForm):
    """The owner is chosen in it too: whether they have the address already is known when both are."""

    seen = None  # type: ignore[assignment]  # this removes the field

    def clean_owner(self) -> User:
        owner: User = self.cleaned_data["owner"]
        self.instance.owner = owner
        return owner


@admin.register(Recipient)
class RecipientAdmin(BoundedAdmin):
    form = RecipientAdminForm
    fields = ("owner", "email", "full_name", "comment", "address_key", "created_at", "deliveries")
    readonly_fields = ("address_key", "created_at", "deliveries")
    autocomplete_fields = ("owner",)
    list_display = ("email", "full_name", "owner", "created_at")
    list_select_related = ("owner",)
    list_filter = ("created_at",)
    search_fields = ("=address_key",)
    search_help_text = _("A whole email address. No more than 10,000 are counted and paged.")

    def get_readonly_fields(self, request: HttpRequest, obj: Recipient | None = None) -> Any:
        """The owner stays: mailings of theirs may have chosen it."""
        return (*self.readonly_fields, "owner") if obj else self.readonly_fields

    def get_search_results(self, request: HttpRequest, queryset: QuerySet[Any], search_term: str) -> Any:
        if not search_term:
            return queryset, False
        # By way of the owners: the index of addresses begins with them.
        return with_address(queryset.filter(owner__in=User.objects.values("pk")), search_term), False

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        delete_for_good(obj)

    @admin.display(description=_("Deliveries"))
    def deliveries(self, recipient: Recipient) -> SafeString | str:
        return "-" if recipient._state.adding else list_link(Delivery, _("Show"), recipient=recipient.pk)
