"""What managers do to other people's accounts: allow them to send, block them, unblock them."""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef, Q
from django.dispatch import Signal
from django.utils import timezone
from django.utils.translation import gettext as _

from core.models import User

MANAGERS = "Managers"

# Sent in the transaction of the act, with `user`, `actor`, `act` ("allow", "block", "unblock"), `before` and `after`.
user_changed = Signal()

ALLOWED, CAPPED, ACTIVE, BLOCKED = "allowed", "capped", "active", "blocked"


class ActRefused(Exception):
    """An act that may not be done to this account; its text is for the person who asked."""


def is_manager() -> Exists:
    """The condition that a user belongs to the Managers."""
    return Exists(User.groups.through.objects.filter(user=OuterRef("pk"), group__name=MANAGERS))


def is_trusted() -> Q:
    """The condition that a user sends without the cap of new accounts: superusers, managers, and who was allowed."""
    return Q(is_superuser=True) | Q(sending_allowed_at__isnull=False) | Q(is_manager())


def may_send(user: User) -> bool:
    """Whether the account may send anything at all."""
    return not settings.SENDING_REQUIRES_APPROVAL or User.objects.filter(is_trusted(), pk=user.pk).exists()


def allow_user(user: User) -> tuple[str, str]:
    user.sending_allowed_at = user.sending_allowed_at or timezone.now()
    return CAPPED, ALLOWED


def block_user(user: User) -> tuple[str, str]:
    """Sign the user out everywhere and keep them out."""
    user.is_active, user.signed_out_at = False, timezone.now()
    return ACTIVE, BLOCKED


def unblock_user(user: User) -> tuple[str, str]:
    user.is_active = True
    return BLOCKED, ACTIVE


ACTS: dict[str, Callable[[User], tuple[str, str]]] = {"allow": allow_user, "block": block_user, "unblock": unblock_user}


def possible_acts(user: User) -> list[str]:
    """What may be done to the account now, by somebody who may."""
    if user.is_superuser or user.groups.filter(name=MANAGERS).exists():
        return []
    acts = ["block" if user.is_active else "unblock"]
    return acts if user.sending_allowed_at else ["allow", *acts]


@transaction.atomic
def change_user(user_id: int, act: str, actor: User) -> User:
    """Do a named act to the account. Raises ActRefused, User.DoesNotExist."""
    user = User.objects.select_for_update().get(pk=user_id)
    if act not in possible_acts(user):
        raise ActRefused(_("This cannot be done to this account, or has been done already."))
    before, after = ACTS[act](user)
    user.save(update_fields=["is_active", "signed_out_at", "sending_allowed_at"])
    user_changed.send(User, user=user, actor=actor, act=act, before=before, after=after)
    return user
