"""What deleting an object takes with it, found out without loading it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from django.db.models import CASCADE, PROTECT, Model, QuerySet
from django.db.models.deletion import get_candidate_relations_to_delete
from django.http import HttpRequest
from django.utils.text import capfirst
from django.utils.translation import gettext as _

MOST_COUNTED = 10_000
BATCH = 5_000

Summary = tuple[list[str], dict[str, Any], set[str], list[str]]


def summary_of_deletion(objects: Sequence[Model], request: HttpRequest) -> Summary:
    """What ModelAdmin.get_deleted_objects gives: what goes, how much of each, rights that lack, what forbids it."""
    going = [f"{capfirst(one._meta.verbose_name)}: {one}" for one in objects]
    counts: dict[str, Any] = {}
    lacking: set[str] = set()
    forbidding: list[str] = []
    for on_delete, rows in _related(objects):
        n = rows.order_by()[:MOST_COUNTED].count()
        if not n:
            continue
        names, many = str(rows.model._meta.verbose_name_plural), _at_least(n)
        if on_delete is PROTECT:
            forbidding.append(f"{capfirst(names)}: {many}")
        elif on_delete is CASCADE:
            going.append(f"{capfirst(names)}: {many}")
            counts[names] = many
            if not _may_delete(request.user, rows.model):
                lacking.add(names)
    return going, counts, lacking, forbidding


def delete_in_batches(one: Model) -> None:
    """Delete it and what belongs to it, however much that is; inside a transaction. Raises ProtectedError."""
    for on_delete, rows in _related([one]):
        if on_delete is CASCADE:
            while keys := list(rows.values_list("pk", flat=True)[:BATCH]):
                rows.model._base_manager.filter(pk__in=keys).delete()
    one.delete()


def _related(objects: Sequence[Model]) -> Iterator[tuple[Any, QuerySet[Model]]]:
    """By relation: what Django does with the rows that point to the objects, and those rows."""
    keys = [one.pk for one in objects]
    relations: Any = get_candidate_relations_to_delete(objects[0]._meta)
    for relation in relations:
        yield relation.on_delete, relation.related_model._base_manager.filter(**{f"{relation.field.name}__in": keys})


def _at_least(n: int) -> str:
    return _("%(n)d or more") % {"n": n} if n == MOST_COUNTED else str(n)


def _may_delete(user: Any, model: type[Model]) -> bool:
    """A table between two others needs no right of its own."""
    options = model._meta
    return bool(options.auto_created) or user.has_perm(f"{options.app_label}.delete_{options.model_name}")
