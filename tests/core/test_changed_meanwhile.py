"""What is done to an account by others stands, whatever its owner saves in the same moment."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import Permission
from django.core.cache import cache
from django.test import Client
from django.utils import timezone

from core.models import User
from core.people import change_user
from tests.conftest import PASSWORD
from tests.support.mails import last_mail, path_in
from tests.support.waiting import committed_once_somebody_waits, with_many_writers

pytestmark = [pytest.mark.django_db(transaction=True), with_many_writers]

NEW = "Xq7-plum-violet-91"
SETTINGS = {"full_name": "Olga", "language": "", "time_zone": "UTC"}
PASSWORDS = {"password1": NEW, "password2": NEW}
USERS = "/admin/core/user/"
SET_BY_OTHERS = "Zw3-olive-copper-58"
MOVED = "moved@example.com"


@pytest.fixture(autouse=True)
def no_counts(transactional_db: None) -> Iterator[None]:
    """Nobody meets a limit here, and none is met in other tests for what is done here."""
    cache.clear()
    yield
    cache.clear()


@pytest.fixture
def page(owner: User) -> Client:
    client = Client()
    client.force_login(owner)
    return client


@pytest.fixture
def admin(superuser: User) -> Client:
    client = Client()
    client.force_login(superuser)
    return client


# What may be saved just then: each gets all ready, and gives what sends it off.
Saver = Callable[[Client, Client, User], Callable[[], Any]]


def save_settings(page: Client, admin: Client, owner: User) -> Any:
    return lambda: page.post("/settings/", SETTINGS)


def change_password(page: Client, admin: Client, owner: User) -> Any:
    return lambda: page.post("/account/password/change/", PASSWORDS | {"oldpassword": PASSWORD})


def reset_password(page: Client, admin: Client, owner: User) -> Any:
    browser = Client()
    browser.post("/account/password/reset/", {"email": owner.email})
    form = browser.get(path_in(last_mail(owner.email), "/account/password/reset/key/"), follow=True)
    return lambda: browser.post(form.request["PATH_INFO"], PASSWORDS)


def change_in_admin(page: Client, admin: Client, owner: User) -> Any:
    return lambda: admin.post(f"{USERS}{owner.pk}/change/", {"email": owner.email, "full_name": "Olga"})


def change_password_in_admin(page: Client, admin: Client, owner: User) -> Any:
    form = PASSWORDS | {"usable_password": "true", "set-password": "1"}
    return lambda: admin.post(f"{USERS}{owner.pk}/password/", form)


SAVERS = [save_settings, change_password, reset_password, change_in_admin, change_password_in_admin]


@pytest.mark.parametrize("saver", SAVERS)
def test_a_block_stands(owner: User, manager: User, page: Client, admin: Client, saver: Saver) -> None:
    save = saver(page, admin, owner)
    with committed_once_somebody_waits(lambda: change_user(owner.pk, "block", manager)):
        assert save().status_code == 302
    before = owner.password
    owner.refresh_from_db()
    assert not owner.is_active
    assert owner.signed_out_at is not None
    assert (owner.full_name == "Olga") != (owner.password != before)  # the other's own change is there too
    change_user(owner.pk, "unblock", manager)
    assert page.get("/settings/").status_code == 302  # their sessions stay over


@pytest.mark.parametrize("saver", SAVERS)
def test_rights_stay_as_they_were_given_and_taken(owner: User, page: Client, admin: Client, saver: Saver) -> None:
    User.objects.filter(pk=owner.pk).update(is_superuser=True, sending_allowed_at=None)
    save = saver(page, admin, owner)
    now = timezone.now()
    account = User.objects.filter(pk=owner.pk)
    with committed_once_somebody_waits(lambda: account.update(is_superuser=False, sending_allowed_at=now)):
        save()
    owner.refresh_from_db()
    assert (owner.is_superuser, owner.sending_allowed_at) == (False, now)  # the admin's own form takes the first too


@pytest.mark.parametrize("saver", [change_in_admin, change_password_in_admin])
def test_who_is_given_rights_is_left_alone_by_whoever_may_give_none(
    owner: User, page: Client, make_user: Any, saver: Saver
) -> None:
    helper = make_user("helper@example.com", is_staff=True)
    helper.user_permissions.set(Permission.objects.filter(content_type__app_label="core"))
    staff = Client()
    staff.force_login(helper)
    save = saver(page, staff, owner)
    account = User.objects.filter(pk=owner.pk)
    with committed_once_somebody_waits(lambda: account.update(is_superuser=True)):
        answer = save()
    if answer.status_code == 302:  # to the same page
        answer = staff.get(answer["Location"])
    assert answer.status_code == 403
    owner.refresh_from_db()
    assert (owner.is_superuser, owner.full_name, owner.check_password(PASSWORD)) == (True, "Olga Owner", True)


@pytest.mark.parametrize("saver", SAVERS)
def test_a_deleted_account_does_not_come_back(owner: User, page: Client, admin: Client, saver: Saver) -> None:
    save = saver(page, admin, owner)
    with committed_once_somebody_waits(User.objects.filter(pk=owner.pk).delete):
        assert save().status_code in (302, 404)
    assert not User.objects.filter(email="owner@example.com").exists()


@pytest.mark.parametrize(
    ("saver", "shown"), [(change_password, "Sign in"), (reset_password, "This link does not work")]
)
def test_a_password_that_was_set_meanwhile_stays(
    owner: User, page: Client, admin: Client, saver: Saver, shown: str
) -> None:
    """Whoever sets one by the old one, or by a link from before, is answered as if they had come a moment later."""
    save = saver(page, admin, owner)
    with committed_once_somebody_waits(lambda: password_set(owner, SET_BY_OTHERS)):
        refused = save()
    assert shown in refused.client.get(refused["Location"], follow=True).content.decode()
    owner.refresh_from_db()
    assert owner.check_password(SET_BY_OTHERS)


def test_a_password_set_in_the_admin_comes_after_their_own(owner: User, page: Client, admin: Client) -> None:
    save = change_password_in_admin(page, admin, owner)
    with committed_once_somebody_waits(lambda: password_set(owner, SET_BY_OTHERS)):
        save()
    owner.refresh_from_db()
    assert owner.check_password(NEW)


def password_set(owner: User, password: str) -> None:
    User.objects.filter(pk=owner.pk).update(password=make_password(password))


def moved(owner: User) -> Callable[[], None]:
    """The account gets another address from somebody else, as in the admin."""

    def move() -> None:
        User.objects.filter(pk=owner.pk).update(email=MOVED)
        EmailAddress.objects.filter(user=owner.pk).delete()

    return move


def test_the_address_that_others_gave_it_stays(owner: User, page: Client, admin: Client) -> None:
    form = {"action_add": "", "email": "new@example.com"}
    asked = page.post("/account/email/", form)
    page.post(asked["Location"], {"password": PASSWORD, "next": "/account/email/"})
    link = path_in(last_mail("new@example.com"), "/account/confirm-email/")
    with committed_once_somebody_waits(moved(owner)):
        assert "This link does not work" in page.post(link).content.decode()
    assert User.objects.get(pk=owner.pk).email == MOVED
    assert not EmailAddress.objects.filter(user=owner).exists()


def test_the_address_that_others_took_from_it_gives_no_access(owner: User, page: Client, admin: Client) -> None:
    reset = reset_password(page, admin, owner)
    with committed_once_somebody_waits(moved(owner)):
        refused = reset()
    assert "This link does not work" in refused.client.get(refused["Location"]).content.decode()
    assert not EmailAddress.objects.filter(user=owner, verified=True).exists()
    owner.refresh_from_db()
    assert (owner.email, owner.check_password(PASSWORD)) == (MOVED, True)
