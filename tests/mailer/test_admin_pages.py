"""Every model has its pages in the admin, and their cost does not grow with the tables."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.apps import apps
from django.contrib import admin
from django.db.models import Model
from django.test import Client
from django.utils.functional import Promise

from core.clock import db_now
from core.models import User
from mailer.delivery.ledger import record
from mailer.delivery.transitions import change_status
from mailer.models import (
    Attachment,
    Attempt,
    AttemptCount,
    AuditEntry,
    Decision,
    Delivery,
    FrozenAttachment,
    Instance,
    Mailing,
    MailingContent,
    MailingCount,
    Message,
    Recipient,
    SentTest,
    Suppression,
    Throttle,
    Worker,
)
from tests.support.admin import queries_of, unbounded_counts
from tests.support.choices import choose
from tests.support.mailings import make_crowd, make_mailing
from tests.support.results import ACCEPTED, UNCERTAIN, a_worker, claimed, result

pytestmark = pytest.mark.django_db

OURS: list[type[Model]] = [model for app in ("core", "mailer") for model in apps.get_app_config(app).get_models()]
OURS.append(EmailAddress)
READ_ONLY = [EmailAddress, Attachment, Attempt, AttemptCount, AuditEntry, Decision, Delivery, FrozenAttachment]
READ_ONLY += [Instance, MailingContent, MailingCount, SentTest, Suppression, Throttle, Worker]
SEARCHES = ["", "r1@example.com", "owner@example.com", "1", "#1", "absent words", "'", "9" * 30, "²"]


@pytest.fixture
def page(superuser: User, client: Client) -> Client:
    client.force_login(superuser)
    return client


@pytest.fixture
def mailing(owner: User) -> Mailing:
    """One that is under way, with three deliveries of which one has been tried, and one decided upon."""
    make_crowd(owner, 3)
    draft = make_mailing(owner)
    Attachment.objects.create(message=draft.message, name="a.pdf", content_type="application/pdf", size=1, data=b"x")
    mailing = change_status(draft.pk, "start", owner)
    worker = a_worker()
    record(worker, [result(c, o) for c, o in zip(claimed(worker, 2), [ACCEPTED, UNCERTAIN], strict=True)])
    choose(mailing, "resend", owner)
    Instance.objects.create(token="a" * 32)
    Throttle.objects.create(mailing=mailing, most=5)
    SentTest.objects.create(user=owner, message=draft.message, mailing=mailing, email="r1@example.com")
    Suppression.objects.create(owner=owner, address_key="r1@example.com", reason="manual")
    AttemptCount.objects.update_or_create(mailing=mailing, worker=worker, hour=mailing.created_at, status="success")
    return mailing


def address(model: type[Model], page: str = "changelist", *arguments: Any) -> str:
    base = f"/admin/{model._meta.app_label}/{model._meta.model_name}/"
    return {"changelist": base, "add": f"{base}add/"}.get(page) or f"{base}{arguments[0]}/{page}/"


def filters_of(model: type[Model]) -> Iterator[dict[str, str]]:
    """The query string of every choice of every filter."""
    for name in admin.site._registry[model].list_filter:
        field: Any = model._meta.get_field(str(name))
        if field.choices:
            yield from ({f"{name}__exact": str(key)} for key, _label in field.choices)
        elif field.get_internal_type() == "BooleanField":
            yield from ({f"{name}__exact": value} for value in "01")
        else:
            assert field.get_internal_type() == "DateTimeField"
            yield {f"{name}__gte": str(db_now() - timedelta(days=7)), f"{name}__lt": str(db_now())}


def test_every_model_is_there() -> None:
    assert [model for model in OURS if not admin.site.is_registered(model)] == []
    assert len(OURS) >= 11


@pytest.mark.parametrize("model", OURS)
def test_every_name_that_is_shown_can_be_translated(model: type[Model]) -> None:
    shown = [
        field
        for field in model._meta.concrete_fields
        if field.name not in ("id", "message_id", "content_id", "html", "signed_out_at")
    ]
    assert [field.name for field in shown if not isinstance(field.verbose_name, Promise)] == []
    assert isinstance(model._meta.verbose_name, Promise)
    assert isinstance(model._meta.verbose_name_plural, Promise)


@pytest.mark.parametrize("model", OURS)
def test_every_list_answers_searched_and_filtered(page: Client, mailing: Mailing, model: type[Model]) -> None:
    path = address(model)
    assert admin.site._registry[model].search_fields
    for search in SEARCHES:
        assert unbounded_counts(queries_of(page, path, q=search)) == []
    for chosen in filters_of(model):
        assert unbounded_counts(queries_of(page, path, **chosen)) == []


@pytest.mark.parametrize("model", OURS)
def test_every_object_has_its_page(page: Client, mailing: Mailing, model: type[Model]) -> None:
    one = model._default_manager.first()
    assert one is not None
    for name in ("change", "history"):
        assert page.get(address(model, name, one.pk)).status_code == 200
    is_read_only = model in READ_ONLY
    assert page.get(address(model, "add")).status_code == (403 if is_read_only else 200)
    assert page.get(address(model, "delete", one.pk)).status_code == (403 if is_read_only or model is Mailing else 200)


@pytest.mark.parametrize("model", READ_ONLY)
def test_what_the_program_writes_is_only_read(page: Client, mailing: Mailing, model: type[Model]) -> None:
    before = list(model._default_manager.values())
    key = before[0][model._meta.pk.attname]
    for path in (address(model, "add"), address(model, "change", key), address(model, "delete", key)):
        assert page.post(path, {"post": "yes", "state": "sent", "status": "success"}).status_code == 403
    page.post(address(model), {"action": "delete_selected", "_selected_action": str(key), "post": "yes"})
    assert list(model._default_manager.values()) == before


def grow(mailing: Mailing, n: int) -> None:
    """Make n more rows of everything that grows."""
    owner, now = mailing.owner, db_now()
    users = User.objects.bulk_create(User(email=f"u{i}@example.com") for i in range(n))
    people = Recipient.objects.bulk_create(
        Recipient(owner=user, email=f"p{i}@example.com", address_key=f"p{i}@example.com")
        for i, user in enumerate(users)
    )
    messages = Message.objects.bulk_create(Message(owner=user, subject=f"m{user.pk}", body="x") for user in users)
    mailings = Mailing.objects.bulk_create(
        Mailing(owner=m.owner, message=m, starts_at=now, ends_at=now + timedelta(hours=1)) for m in messages
    )
    MailingContent.objects.bulk_create(
        MailingContent(mailing=m, subject="x", body="x", from_email="x@example.com", token=f"token-{m.pk}")
        for m in mailings
    )
    kind: dict[str, Any] = {"name": "a.pdf", "content_type": "application/pdf", "size": 1, "data": b"x"}
    Attachment.objects.bulk_create(Attachment(message=m, **kind) for m in messages)
    FrozenAttachment.objects.bulk_create(FrozenAttachment(frozen_content_id=m.pk, **kind) for m in mailings)
    workers = Worker.objects.bulk_create(
        Worker(host=f"h{i}", boot_id="b", started_at=now, last_seen=now, lease_expires_at=now) for i in range(n)
    )
    deliveries = Delivery.objects.bulk_create(
        Delivery(
            mailing=m,
            recipient=p,
            email=p.email,
            address_key=p.address_key,
            next_attempt_at=now,
            worker=w,
            message_id="x",
        )
        for m, p, w in zip(mailings, people, workers, strict=True)
    )
    Attempt.objects.bulk_create(
        Attempt(delivery=d, mailing_id=d.mailing_id, number=1, status="success", started_at=now) for d in deliveries
    )
    Decision.objects.bulk_create(
        Decision(actor=user, delivery=d, mailing_id=d.mailing_id, choice="resend", attempt_number=1)
        for user, d in zip(users, deliveries, strict=True)
    )
    MailingCount.objects.bulk_create(MailingCount(mailing=m, state="queued", n=1) for m in mailings)
    AttemptCount.objects.bulk_create(AttemptCount(mailing=m, hour=now, status="success", n=1) for m in mailings)
    AuditEntry.objects.bulk_create(
        AuditEntry(actor=user, user=owner, mailing=m, action="pause") for user, m in zip(users, mailings, strict=True)
    )


def test_no_list_takes_more_queries_for_more_rows(page: Client, mailing: Mailing) -> None:
    grow(mailing, 5)
    few = {model: len(queries_of(page, address(model))) for model in OURS}
    User.objects.filter(email="u0@example.com").update(email="v0@example.com")
    counts = (AttemptCount, MailingCount)
    kept = (*counts, Attempt, AuditEntry, Decision, Delivery, FrozenAttachment, MailingContent, Mailing, Message)
    for model in kept:
        model._default_manager.all().delete()
    User.objects.filter(email__regex="^[uv][0-9]").delete()
    grow(make_mailing(mailing.owner), 300)
    many = {model: len(queries_of(page, address(model))) for model in OURS}
    assert many == few
    assert max(many.values()) <= 6


def test_a_page_far_down_is_no_error(page: Client, mailing: Mailing) -> None:
    grow(mailing, 120)
    assert page.get(address(Delivery), {"p": "3"}).status_code == 200
    assert page.get(address(Delivery), {"p": "99"}, follow=True).status_code == 200


@pytest.mark.parametrize("user", ["owner", "manager"])
def test_who_is_not_staff_gets_no_admin(request: pytest.FixtureRequest, client: Client, user: str) -> None:
    client.force_login(request.getfixturevalue(user))
    for path in ["/admin/", *(address(model) for model in OURS)]:
        assert client.get(path).status_code in (302, 403)


def test_it_has_our_name(page: Client) -> None:
    content = page.get("/admin/").content.decode()
    assert "Mailing Service" in content
    assert "Django administration" not in content
