"""Recipients, messages and mailings, made and changed in the admin under the same rules as on the pages."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from core.models import User
from mailer.delivery.transitions import change_status
from mailer.models import AuditEntry, Delivery, Mailing, Message, Recipient
from tests.support.mailings import make_crowd, make_mailing, make_recipients

pytestmark = pytest.mark.django_db

RECIPIENTS, MESSAGES, MAILINGS = "/admin/mailer/recipient/", "/admin/mailer/message/", "/admin/mailer/mailing/"


@pytest.fixture
def page(superuser: User, client: Client) -> Client:
    client.force_login(superuser)
    return client


@pytest.fixture
def mailing(owner: User) -> Mailing:
    make_crowd(owner, 3)
    return make_mailing(owner)


def errors_of(response: Any) -> Any:
    assert response.status_code == 200
    return response.context["adminform"].form.errors


def form_of(mailing: Mailing, **changes: Any) -> dict[str, Any]:
    values: dict[str, Any] = {"owner": mailing.owner_id, "message": mailing.message_id, "everyone": "on"}
    for name in ("starts_at", "ends_at"):
        moment = changes.pop(name, getattr(mailing, name))
        values |= {f"{name}_0": f"{moment:%Y-%m-%d}", f"{name}_1": f"{moment:%H:%M:%S}"}
    return values | changes


def test_a_recipient_keeps_its_key_and_is_there_once(page: Client, owner: User, stranger: User) -> None:
    form = {"owner": owner.pk, "email": "Ana@Example.com", "full_name": "", "comment": ""}
    assert page.post(f"{RECIPIENTS}add/", form).status_code == 302
    ana = Recipient.objects.get()
    assert ana.address_key == "ana@example.com"
    assert "already" in errors_of(page.post(f"{RECIPIENTS}add/", form | {"email": "ANA@example.com"}))["email"][0]
    assert page.post(f"{RECIPIENTS}add/", form | {"owner": stranger.pk}).status_code == 302
    assert "email" in errors_of(page.post(f"{RECIPIENTS}add/", form | {"email": "no address"}))
    assert page.post(f"{RECIPIENTS}{ana.pk}/change/", form | {"email": "Bob@example.com"}).status_code == 302
    ana.refresh_from_db()
    assert (ana.email, ana.address_key) == ("Bob@example.com", "bob@example.com")
    (bea,) = make_recipients(owner, "bea@example.com")
    assert "email" in errors_of(page.post(f"{RECIPIENTS}{bea.pk}/change/", form | {"email": "BOB@example.com"}))
    theirs = form | {"owner": stranger.pk, "email": "b@example.com"}
    assert page.post(f"{RECIPIENTS}{bea.pk}/change/", theirs).status_code == 302
    bea.refresh_from_db()
    assert bea.owner == owner


def test_a_recipient_deleted_during_a_launch_is_not_lost(
    page: Client, owner: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mailer.delivery.transitions.FIRST_CHUNK", 2)
    crowd = make_crowd(owner, 5)
    change_status(make_mailing(owner).pk, "start", owner)
    assert page.post(f"{RECIPIENTS}{crowd[4].pk}/delete/", {"post": "yes"}).status_code == 302
    assert (Recipient.objects.count(), Delivery.objects.count()) == (4, 5)


def test_a_message_is_checked_as_on_its_page(page: Client, owner: User, mailing: Mailing) -> None:
    form = {"owner": owner.pk, "subject": "Hi", "kind": "text", "body": "{{ nobody.home }}"}
    assert "Unknown merge tags" in errors_of(page.post(f"{MESSAGES}add/", form))["body"][0]
    assert page.post(f"{MESSAGES}add/", form | {"body": "Hello"}).status_code == 302
    message = Message.objects.get(subject="Hi")
    assert page.post(f"{MESSAGES}{message.pk}/change/", form | {"body": "Hello all"}).status_code == 302
    assert "Changed Body." in page.get(f"{MESSAGES}{message.pk}/history/").content.decode()
    assert page.post(f"{MESSAGES}{message.pk}/delete/", {"post": "yes"}).status_code == 302
    assert "Mailings: 1" in page.get(f"{MESSAGES}{mailing.message_id}/delete/").content.decode()


def test_a_mailing_is_made_and_its_window_moved_on_the_record(page: Client, mailing: Mailing, superuser: User) -> None:
    assert page.post(f"{MAILINGS}add/", form_of(mailing)).status_code == 302
    assert Mailing.objects.latest("pk").status == "draft"
    end = mailing.ends_at + timedelta(days=1)
    assert page.post(f"{MAILINGS}{mailing.pk}/change/", form_of(mailing, ends_at=end)).status_code == 302
    mailing.refresh_from_db()
    assert f"{mailing.ends_at:%d %H:%M}" == f"{end:%d %H:%M}"
    assert AuditEntry.objects.get().actor == superuser


def test_a_mailing_takes_its_owners_messages_and_a_window_that_can_be(
    page: Client, mailing: Mailing, stranger: User
) -> None:
    theirs = Message.objects.create(owner=stranger, subject="x", body="y")
    path = f"{MAILINGS}{mailing.pk}/change/"
    for form in (form_of(mailing, message=theirs.pk), form_of(mailing, message=theirs.pk, owner=stranger.pk)):
        assert "somebody else" in errors_of(page.post(path, form))["message"][0]
    wrong = form_of(mailing, ends_at=mailing.starts_at - timedelta(days=1))
    assert "The end must come after the start." in str(errors_of(page.post(path, wrong)))
    for name, date in (("starts_at", "0001-01-01"), ("ends_at", "9999-12-31")):
        assert "out of range" in errors_of(page.post(path, form_of(mailing) | {f"{name}_0": date}))[name][0]


def test_its_chosen_recipients_are_a_link_and_no_list(page: Client, mailing: Mailing, owner: User) -> None:
    mailing.everyone = False
    mailing.save()
    mailing.recipients.add(*owner.recipients.all()[:2])
    content = page.get(f"{MAILINGS}{mailing.pk}/change/").content.decode()
    assert f'href="{RECIPIENTS}?mailings__exact={mailing.pk}"' in content
    assert 'name="recipients"' not in content
    assert "r1@example.com" not in content
    listed = page.get(RECIPIENTS, {"mailings__exact": mailing.pk}).context["cl"]
    assert listed.result_count == 2


def test_what_is_launched_is_neither_edited_nor_deleted(page: Client, mailing: Mailing, owner: User) -> None:
    change_status(mailing.pk, "start", owner)
    before = Mailing.objects.values().get()
    later = form_of(mailing, ends_at=mailing.ends_at + timedelta(days=1))
    assert page.post(f"{MAILINGS}{mailing.pk}/change/", later).status_code == 403
    assert page.post(f"{MAILINGS}{mailing.pk}/delete/", {"post": "yes"}).status_code == 403
    page.post(MAILINGS, {"action": "delete_selected", "_selected_action": str(mailing.pk), "post": "yes"})
    assert Mailing.objects.values().get() == before


def test_a_draft_is_deleted_with_its_history(page: Client, mailing: Mailing, owner: User) -> None:
    mailing.recipients.add(*owner.recipients.all())
    change_status(mailing.pk, "schedule", owner)
    assert page.post(f"{MAILINGS}{mailing.pk}/delete/", {"post": "yes"}).status_code == 302
    assert (Mailing.objects.count(), AuditEntry.objects.count(), Recipient.objects.count()) == (0, 0, 3)
