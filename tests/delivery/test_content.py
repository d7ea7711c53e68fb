"""A launched mailing's frozen content, as it is composed."""

from __future__ import annotations

from typing import Any

import pytest

from core.models import User
from mailer.delivery.compose import Composer
from mailer.delivery.content import content_of, load_composers
from mailer.delivery.transitions import change_status
from mailer.merge_tags import TemplateProblem
from mailer.models import Mailing, MailingContent
from tests.support.composing import addressee, parsed
from tests.support.mailings import make_crowd, make_mailing

pytestmark = pytest.mark.django_db


@pytest.fixture
def mailing(owner: User, settings: Any) -> Mailing:
    settings.DEFAULT_FROM_EMAIL = "Our Club <news@club.example>"
    settings.UNSUBSCRIBE_MAILTO = "leave@club.example"
    make_crowd(owner, 1)
    return change_status(make_mailing(owner).pk, "start", owner)


def test_its_headers_are_the_owners_and_the_mailings_and_tell_nobodys_address(mailing: Mailing) -> None:
    composer = load_composers([mailing.pk])[mailing.pk]
    assert isinstance(composer, Composer)
    mail = parsed(composer.compose(addressee()).content)
    assert mail["From"] == "Our Club <news@club.example>"
    assert mail["List-Id"] == f"<owner-{mailing.owner_id}.club.example>"
    assert "mailto:leave@club.example?subject=" in mail["List-Unsubscribe"]
    campaign, customer, kind, sender = mail["Feedback-ID"].split(":")
    assert (campaign, customer, kind) == (f"mailing-{mailing.pk}", f"owner-{mailing.owner_id}", "mailing")
    assert 5 <= len(sender) <= 15
    assert mailing.owner.email not in mail.as_string()


def test_the_sender_of_all_mailings_is_one_to_gmail(mailing: Mailing, owner: User) -> None:
    other = change_status(make_mailing(owner).pk, "start", owner)
    senders = {content_of(frozen, ()).feedback_id.rpartition(":")[2] for frozen in MailingContent.objects.all()}
    assert other.pk != mailing.pk
    assert len(senders) == 1


def test_a_content_that_does_not_compile_says_why(mailing: Mailing) -> None:
    MailingContent.objects.filter(pk=mailing.pk).update(body="one\n{{ oops")
    problem = load_composers([mailing.pk])[mailing.pk]
    assert isinstance(problem, TemplateProblem)
    assert problem.line == 2
