"""What managers may do to accounts, and what they may not."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission
from django.core.management import call_command

from core.models import User
from core.people import MANAGERS, ActRefused, change_user, is_trusted, possible_acts, user_changed

pytestmark = pytest.mark.django_db


@pytest.fixture
def newcomer(owner: User) -> User:
    owner.sending_allowed_at = None
    owner.save()
    return owner


def test_it_offers_what_can_be_done(newcomer: User, stranger: User) -> None:
    assert possible_acts(newcomer) == ["allow", "block"]
    assert possible_acts(stranger) == ["block"]
    stranger.is_active = False
    assert possible_acts(stranger) == ["unblock"]


def test_it_allows_once(newcomer: User, manager: User) -> None:
    assert newcomer not in User.objects.filter(is_trusted())
    change_user(newcomer.pk, "allow", manager)
    assert newcomer in User.objects.filter(is_trusted())
    with pytest.raises(ActRefused):
        change_user(newcomer.pk, "allow", manager)


def test_it_blocks_and_unblocks_and_tells_what_it_did(owner: User, manager: User) -> None:
    told: list[tuple[Any, ...]] = []

    def listen(user: User, actor: User, act: str, before: str, after: str, **_signal: Any) -> None:
        told.append((user, actor, act, before, after))

    user_changed.connect(listen)
    try:
        blocked = change_user(owner.pk, "block", manager)
        assert not blocked.is_active
        assert blocked.signed_out_at
        with pytest.raises(ActRefused):
            change_user(owner.pk, "block", manager)
        assert change_user(owner.pk, "unblock", manager).is_active
    finally:
        user_changed.disconnect(listen)
    assert told == [(owner, manager, "block", "active", "blocked"), (owner, manager, "unblock", "blocked", "active")]


@pytest.mark.parametrize("act", ["allow", "block", "unblock"])
def test_managers_and_superusers_are_out_of_reach(manager: User, superuser: User, act: str) -> None:
    for protected in (manager, superuser):
        assert possible_acts(protected) == []
        with pytest.raises(ActRefused):
            change_user(protected.pk, act, manager)


def test_create_groups_can_be_run_again_and_keeps_what_was_added() -> None:
    call_command("create_groups")
    group = Group.objects.get(name=MANAGERS)
    made = set(group.permissions.values_list("codename", flat=True))
    assert {"view_mailing", "view_recipient", "view_attempt", "stop_mailing", "block_user", "allow_user"} <= made
    assert not [name for name in made if name.startswith(("add_", "change_", "delete_"))]
    group.permissions.remove(Permission.objects.get(codename="stop_mailing"))
    group.permissions.add(Permission.objects.get(codename="change_message"))
    call_command("create_groups")
    assert set(group.permissions.values_list("codename", flat=True)) == made | {"change_message"}
