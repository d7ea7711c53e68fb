"""Who a mailing is from: the site's addresses alone, a name that is only a name, and where replies go."""

from __future__ import annotations

from datetime import timedelta
from email.utils import parseaddr
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st

from core.clock import db_now, shifted
from core.models import User
from mailer.delivery.compose import Composer
from mailer.delivery.content import load_composers
from mailer.delivery.schedule import run_schedule
from mailer.delivery.transitions import TransitionRefused, change_status
from mailer.models import Mailing, MailingContent
from mailer.reasons import SENDER_NOT_ALLOWED
from mailer.senders import sender, sending_domain
from tests.support.composing import addressee, parsed
from tests.support.mailings import make_crowd, make_mailing

NASTY = [
    'Anna "The Boss" O\'Neill',
    "back\\slash",
    "a@b, c <d@e>",
    "(comment); Ünïcode 日本",
    "=?utf-8?q?=0d=0aBcc:_x@example.com?=",
]


@pytest.fixture(autouse=True)
def two_addresses(settings: Any) -> None:
    settings.DEFAULT_FROM_EMAIL = "Our Club <news@example.com>"
    settings.FROM_ADDRESSES = ["news@example.com", "Team@bücher.example"]


@pytest.fixture
def mailing(owner: User) -> Mailing:
    make_crowd(owner, 1)
    return make_mailing(owner)


def form_of(mailing: Mailing, **fields: str) -> dict[str, Any]:
    window = {"starts_at": "2031-01-01T09:00", "ends_at": "2031-01-02T09:00"}
    return {"message": mailing.message_id, "audience": "everyone", **window, **fields}


def mail_of(mailing: Mailing) -> Any:
    composer = load_composers([mailing.pk])[mailing.pk]
    assert isinstance(composer, Composer)
    return parsed(composer.compose(addressee()).content)


@given(st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=100))
def test_a_name_and_an_address_come_apart_again_as_they_were_put_together(name: str) -> None:
    assert parseaddr(sender(name, "news@example.com")) == (name, "news@example.com")
    assert len(sender(name, "x" * 254)) <= (MailingContent._meta.get_field("from_email").max_length or 0)


@pytest.mark.django_db
@pytest.mark.parametrize("name", NASTY)
def test_a_name_is_only_a_name_in_the_mail(mailing: Mailing, owner: User, name: str) -> None:
    Mailing.objects.update(from_name=name, from_address="Team@bücher.example", reply_to="reader@example.com")
    change_status(mailing.pk, "start", owner)
    mail = mail_of(mailing)
    (found,) = mail["From"].addresses
    assert (found.display_name, found.addr_spec) == (name, "Team@xn--bcher-kva.example")
    assert mail["Reply-To"] == "reader@example.com"
    assert mail["Bcc"] is None
    assert MailingContent.objects.get().message_id_domain == "xn--bcher-kva.example"


@pytest.mark.django_db
def test_who_chooses_nothing_sends_as_the_site(mailing: Mailing, owner: User) -> None:
    change_status(mailing.pk, "start", owner)
    assert str(mail_of(mailing)["From"]) == "Our Club <news@example.com>"
    assert mail_of(mailing)["Reply-To"] is None


@pytest.mark.django_db
def test_without_a_list_the_sites_own_address_is_the_only_one(mailing: Mailing, page: Client, settings: Any) -> None:
    settings.FROM_ADDRESSES = []
    form = page.get("/mailings/new/").context["form"]
    assert form.fields["from_address"].choices == [("news@example.com", "news@example.com")]
    refused = page.post("/mailings/new/", form_of(mailing, from_address="Team@bücher.example"))
    assert refused.context["form"].errors["from_address"]


@pytest.mark.django_db
def test_a_sender_is_chosen_and_a_duplicate_keeps_it(mailing: Mailing, page: Client) -> None:
    chosen = {"from_name": "Ana", "from_address": "Team@bücher.example", "reply_to": " ana@EXAMPLE.com "}
    assert page.post(f"/mailings/{mailing.pk}/edit/", form_of(mailing, **chosen)).status_code == 302
    page.post(f"/mailings/{mailing.pk}/duplicate/")
    for one in Mailing.objects.all():
        assert (one.from_name, one.from_address, one.reply_to) == ("Ana", "Team@bücher.example", "ana@example.com")


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("from_address", "president@example.com"),
        ("from_address", "news@example.com\nBcc: x@example.com"),
        ("from_name", "Ana\nBcc: x@example.com"),
        ("from_name", "x" * 101),
        ("reply_to", "nobody"),
        ("reply_to", "ана@example.com"),
        ("reply_to", "a@example.com, b@example.com"),
        ("reply_to", "a@example.com\nBcc: x@example.com"),
    ],
)
def test_what_may_not_be_a_sender_is_refused_when_it_is_saved(
    mailing: Mailing, page: Client, superuser: User, client: Client, field: str, value: str
) -> None:
    response = page.post(f"/mailings/{mailing.pk}/edit/", form_of(mailing, **{field: value}))
    assert response.context["form"].errors[field]
    setattr(mailing, field, value)
    with pytest.raises(ValidationError):  # as the admin's form validates
        mailing.full_clean()


@pytest.mark.django_db
@pytest.mark.parametrize("action", ["start", "schedule"])
def test_an_address_that_is_not_allowed_any_more_does_not_go_out(mailing: Mailing, owner: User, action: str) -> None:
    Mailing.objects.update(from_address="gone@example.com")
    with pytest.raises(TransitionRefused, match=r"gone@example\.com"):
        change_status(mailing.pk, action, owner)


@pytest.mark.django_db
def test_a_scheduled_one_becomes_a_draft_again_and_says_why(
    mailing: Mailing, owner: User, page: Client, settings: Any
) -> None:
    Mailing.objects.update(starts_at=db_now() + timedelta(minutes=5), from_address="Team@bücher.example")
    change_status(mailing.pk, "schedule", owner)
    settings.FROM_ADDRESSES = ["news@example.com"]
    with shifted(timedelta(minutes=10)):
        run_schedule()
        mailing.refresh_from_db()
        assert (mailing.status, mailing.status_reason, mailing.launched_at) == ("draft", SENDER_NOT_ALLOWED, None)
        shown = page.get(f"/mailings/{mailing.pk}/").content.decode()
    assert "no longer allows mailings to come from Team@bücher.example" in shown


def test_a_domain_is_an_a_label() -> None:
    assert sending_domain("a@Bücher.example") == "xn--bcher-kva.example"
    assert sending_domain("a@EXAMPLE.com") == "example.com"
