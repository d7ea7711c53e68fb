"""The confirmation mail again, for whoever did not get it."""

from __future__ import annotations

import pytest
from django.test import Client

from core.models import User
from tests.core.test_sign_up import CHOSEN, NEW, RESEND, SENT, link_for, sign_in, sign_up
from tests.support.mails import last_mail, sent_mails

pytestmark = pytest.mark.django_db


def test_the_confirmation_is_sent_again_where_one_stands(client: Client) -> None:
    sign_up(client)
    assert f'action="{RESEND}"' in client.get(SENT).content.decode()
    assert client.post(RESEND, {"email": NEW})["Location"] == SENT
    assert [mail.subject for mail in sent_mails()] == ["Confirm your email address"] * 2
    client.post(link_for(NEW))
    assert sign_in(client)["Location"] == "/"


def test_the_confirmation_is_sent_again_a_few_times(client: Client) -> None:
    sign_up(client)
    for _ in range(2):
        client.post(RESEND, {"email": NEW})
    assert "Please wait ten minutes" in client.post(RESEND, {"email": NEW}, follow=True).content.decode()
    assert len(sent_mails()) == 3


def test_asking_again_tells_the_mailbox_alone_who_has_an_account(client: Client, owner: User) -> None:
    answers = [client.post(RESEND, {"email": email}) for email in (owner.email, "nobody@example.com")]
    assert {(answer.status_code, answer["Location"]) for answer in answers} == {(302, SENT)}
    assert last_mail(owner.email).subject == "You have an account already"
    assert last_mail("nobody@example.com").subject == "There is no account with this address"


def test_an_account_that_was_made_by_hand_is_confirmed_by_mail_too(client: Client) -> None:
    User.objects.create_user("hand@example.com", CHOSEN)
    client.post(RESEND, {"email": "Hand@example.com"})
    client.post(link_for("hand@example.com"))
    assert sign_in(client, "hand@example.com")["Location"] == "/"
