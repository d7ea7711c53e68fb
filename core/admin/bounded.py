"""Admin lists whose cost does not grow with the table: nothing is counted to its end, sorted or listed in a filter."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.core.paginator import Paginator
from django.db import IntegrityError, connection
from django.db.models import Model
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.functional import cached_property
from django.utils.translation import gettext as _

from core.admin.deletion import MOST_COUNTED, delete_in_batches, summary_of_deletion
from core.deadlock import again_after_deadlock


class BoundedPaginator(Paginator):  # type: ignore[type-arg]  # not generic at run time
    """Pages of the first MOST_COUNTED rows; what is further down is found by search and filters."""

    @cached_property
    def count(self) -> int:
        rows: Any = self.object_list
        n: int = rows.order_by()[:MOST_COUNTED].count()
        return n


class BoundedAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # not generic at run time
    """Newest first. Deleting says how much goes with it instead of listing it, and is done one by one."""

    paginator = BoundedPaginator
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    ordering = ("-pk",)
    sortable_by = ()
    list_per_page = 50

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        actions = super().get_actions(request)
        actions.pop("delete_selected", None)
        return actions

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        return summary_of_deletion(list(objs), request)

    def delete_model(self, request: HttpRequest, obj: Model) -> None:
        delete_in_batches(obj)

    @again_after_deadlock  # what goes with it is taken in any order
    def delete_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        try:
            return super().delete_view(request, object_id, extra_context)
        except IntegrityError:  # something took it up in the meantime
            self.message_user(request, _("It is in use: it can't be deleted."), messages.ERROR)
            return HttpResponseRedirect(request.get_full_path())


class LockingAdmin(BoundedAdmin):
    """For what others change in the same moment: that is seen, and stays."""

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Model | None:
        """Locked while it is changed or deleted; but not its key, for which rows that point to it ask."""
        found: Model | None = super().get_object(request, object_id, from_field)
        if found and request.method == "POST" and connection.in_atomic_block:
            found = self.get_queryset(request).select_for_update(of=("self",), no_key=True).filter(pk=found.pk).first()
        return found


class ReadOnlyAdmin(BoundedAdmin):
    """For what only the program writes."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False
