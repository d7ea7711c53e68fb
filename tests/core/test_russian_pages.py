"""Every page in Russian: what stands on it in Latin letters is data, or a name."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client
from django.urls import get_resolver, reverse

from core.models import User
from mailer.delivery.claim import renew_lease
from mailer.delivery.ledger import record
from mailer.delivery.outcome import Phase, Reply, classify_break, classify_reply
from mailer.delivery.schedule import change_status
from mailer.importing import import_recipients
from mailer.models import Delivery, Mailing, Recipient
from mailer.reasons import MAILING_REFUSED, StatusReason
from tests.support.mailings import make_mailing
from tests.support.results import a_worker, claimed, result
from tests.support.visible import WORD, latin_words_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def reader(owner: User) -> User:
    owner.full_name, owner.language, owner.time_zone = "Ольга Петрова", "ru", "Asia/Yekaterinburg"
    owner.save()
    rows = "\n".join(f"p{n}@example.com,Получатель {n},из зала" for n in range(4))
    import_recipients(owner, rows)
    return owner


@pytest.fixture
def sent(reader: User) -> Mailing:
    """A mailing with an attempt of every kind."""
    mailing = make_mailing(reader, subject="Новости", body="Здравствуйте, {{ recipient.full_name }}!")
    change_status(mailing.pk, "start", reader)
    worker = a_worker()
    outcomes = [
        classify_reply(Phase.BODY, Reply(250, "2.0.0 принято")),
        classify_reply(Phase.RCPT, Reply(550, "5.1.1 нет такого")),
        classify_reply(Phase.RCPT, Reply(450, "4.7.1 позже")),
        classify_break(Phase.BODY, "The connection was lost"),
    ]
    record(worker, [result(claim, outcome) for claim, outcome in zip(claimed(worker), outcomes, strict=True)])
    renew_lease(worker, "Connection refused by 127.0.0.1:25 (since 10:30 UTC)")
    return mailing


@pytest.fixture
def page(reader: User, client: Client) -> Client:
    client.force_login(reader)
    return client


def paths(mailing: Mailing) -> Iterator[str]:
    """The address of each named page, but for those of objects that there are none of. The admin is Django's."""
    known: dict[str, dict[str, Any]] = {
        "account": {"key": "abc", "uidb36": "1"},
        "recipient": {"pk": Recipient.objects.earliest("pk").pk},
        "message": {"pk": mailing.message_id},
        "mailing": {"pk": mailing.pk, "action": "cancel"},
        "delivery": {"pk": mailing.pk, "delivery_pk": Delivery.objects.filter(state="uncertain").earliest("pk").pk},
        "attempt": {"pk": mailing.pk},
    }
    reverse_dict: Any = get_resolver().reverse_dict
    for name, addresses in reverse_dict.items():
        if isinstance(name, str):
            values = known.get(name.partition("_")[0], {})
            wanted = addresses[0][0][1]
            if set(wanted) <= values.keys():
                yield reverse(name, kwargs={key: values[key] for key in wanted})


def test_every_page_is_in_russian(sent: Mailing, page: Client, settings: Any) -> None:
    settings.EMBEDDED = True  # with the mail catcher
    draft = make_mailing(sent.owner, subject="Черновик", body="Здравствуйте")
    Mailing.objects.filter(pk=draft.pk).update(everyone=False)
    looked_at, wrong = 0, {}
    for path in sorted({*paths(sent), *paths(draft), "/nope/"}):
        response = page.get(path)
        if response.status_code in (200, 404) and "html" in response["Content-Type"]:
            looked_at += 1
            content = response.content.decode()
            words = latin_words_of(content)
            if words or '<html lang="ru">' not in content:
                wrong[path] = words
    assert wrong == {}
    assert looked_at > 25


def test_every_page_of_an_empty_account_is_in_russian(page: Client) -> None:
    Recipient.objects.all().delete()
    for name in ("home", "mailing_list", "mailing_create", "message_list", "recipient_list"):
        assert latin_words_of(page.get(reverse(name)).content.decode()) == set(), name


def test_a_mailings_page_is_in_russian_whatever_became_of_it(sent: Mailing, page: Client) -> None:
    owner, path = sent.owner, f"/mailings/{sent.pk}/"
    for action, reason in (("pause", StatusReason(MAILING_REFUSED, "550 5.7.1 нельзя")), ("resume", StatusReason())):
        change_status(sent.pk, action, owner, reason=reason)
        assert latin_words_of(page.get(path).content.decode()) == set()
    change_status(sent.pk, "cancel", owner)
    assert latin_words_of(page.get(path).content.decode()) == set()
    for kind in ("schedule", "unschedule"):
        page.post(f"/mailings/{make_mailing(owner, subject='План', body='Здравствуйте').pk}/{kind}/")
    assert latin_words_of(page.get(f"/mailings/{Mailing.objects.latest('pk').pk}/").content.decode()) == set()


FORMS = [
    ("recipient_create", {"email": "никто", "full_name": "a\nb"}),
    ("recipient_create", {"email": "a b@example.com"}),
    ("recipient_create", {"email": "p1@example.com"}),
    ("recipient_create", {"email": ""}),
    ("recipient_import", {}),
    ("recipient_import", {"pasted": 'x@example..com\nнет\n"p@example.com\n'}),
    ("recipient_import", {"pasted": "p1@example.com,a,b,c\np1@example.com\np1@example.com\n"}),
    ("message_create", {"subject": "Привет", "body": "{{ recipient.full_name | shout }}"}),
    ("message_create", {"subject": "a\tb", "body": "{{ имя }}"}),
    ("message_create", {"subject": "", "body": ""}),
    ("mailing_create", {"starts_at": "2031-01-02T10:00", "ends_at": "2031-01-02T09:00", "audience": "x"}),
    ("mailing_create", {"starts_at": "когда-то", "ends_at": "2031-02-31T09:00"}),
    ("mailing_create", {"starts_at": "", "ends_at": "2001-01-01T09:00"}),
    ("settings", {"full_name": "я" * 201, "language": "tlh", "time_zone": "Луна"}),
    ("account_change_password", {"oldpassword": "нет", "password1": "1", "password2": "2"}),
    ("account_email", {"action_add": "", "email": "нет"}),
]


@pytest.mark.parametrize(("name", "data"), FORMS)
def test_what_is_wrong_with_a_form_is_told_in_russian(sent: Mailing, page: Client, name: str, data: Any) -> None:
    response = page.post(reverse(name), data)
    assert response.status_code == 200
    allowed = {"shout"} | set(WORD.findall(str(data)))
    assert latin_words_of(response.content.decode()) - allowed == set()


@pytest.mark.parametrize("name", ["account_login", "account_signup", "account_reset_password"])
def test_who_is_not_signed_in_is_answered_in_the_browsers_language(client: Client, name: str) -> None:
    wrong, headers = {"email": "нет", "login": "нет", "password1": "1"}, {"accept-language": "ru"}
    for response in (client.get(reverse(name), headers=headers), client.post(reverse(name), wrong, headers=headers)):
        content = response.content.decode()
        assert '<html lang="ru">' in content
        assert latin_words_of(content) == set()
