"""The page before *Send now* and *Schedule*: to how many, who is skipped, from whom, how long, what may go wrong."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import AsyncClient, Client
from django.test.utils import CaptureQueriesContext

from core.clock import db_now, microseconds
from core.models import User
from mailer.delivery.ledger import record
from mailer.delivery.transitions import change_status
from mailer.delivery.transport import SMTP_BACKEND
from mailer.delivery.verdict import Result
from mailer.durations import duration
from mailer.models import Attachment, Mailing, Message, Recipient, Suppression
from mailer.rates import MINUTE, Rate
from mailer.throttling import set_rate
from tests.support.mailings import counted, make_crowd, make_mailing, make_recipients
from tests.support.results import ACCEPTED, a_worker, claimed

pytestmark = pytest.mark.django_db

ADDRESS = "Our Club, 12 Main Street, 10115 Berlin"
GOOD = f"Hello {{{{ recipient.full_name | default: 'friend' }}}}, leave: {{{{ unsubscribe_url }}}}\n{ADDRESS}\n"


@pytest.fixture(autouse=True)
def a_good_site(settings: Any, tmp_path: Any) -> None:
    """One with nothing to complain of."""
    settings.SITE_URL = "https://mail.example.com"
    settings.EMAIL_BACKEND, settings.EMAIL_HOST = SMTP_BACKEND, "smtp.example.com"
    settings.DEFAULT_FROM_EMAIL = "Our Club <news@example.com>"
    settings.DKIM_DOMAIN, settings.DKIM_KEY_FILE = "example.com", [tmp_path / "key.pem"]


@pytest.fixture
def mailing(owner: User) -> Mailing:
    make_crowd(owner, 3)
    a_worker()
    return make_mailing(owner, body=GOOD)


def shown(page: Client, mailing: Mailing, action: str = "start") -> Any:
    response = page.get(f"/mailings/{mailing.pk}/{action}/")
    assert response.status_code == 200
    return response


def warnings(page: Client, mailing: Mailing, action: str = "start") -> list[str]:
    return [one.text for one in shown(page, mailing, action).context["found"].warnings]


def blockers(page: Client, mailing: Mailing, action: str = "start") -> list[str]:
    return [one.text for one in shown(page, mailing, action).context["found"].blockers]


def rewrite(mailing: Mailing, **fields: str) -> None:
    Message.objects.filter(pk=mailing.message_id).update(**fields)


def test_nothing_is_said_against_what_is_right(mailing: Mailing, page: Client) -> None:
    response = shown(page, mailing)
    assert (response.context["found"].blockers, response.context["found"].warnings) == ([], [])
    text = response.content.decode()
    for words in (
        "Send to 3 recipients now?",
        "Our Club &lt;news@example.com&gt;",
        "DKIM-signed for example.com",
        "/domains/?domain=example.com",
        "Replies go there too",
        "(UTC)",
        "not known yet",
        "Nothing was found that speaks against it",
        "No test has been sent",
    ):
        assert words in text, words


def test_the_button_sends_and_a_link_to_the_page_does_not(mailing: Mailing, page: Client) -> None:
    link = f'href="/mailings/{mailing.pk}/start/"'
    assert link in page.get(f"/mailings/{mailing.pk}/").content.decode()
    shown(page, mailing)
    assert Mailing.objects.get().status == "draft"
    page.post(f"/mailings/{mailing.pk}/schedule/")
    assert Mailing.objects.get().status == "scheduled"
    page.post(f"/mailings/{mailing.pk}/start/")
    assert counted(mailing) == {"queued": 3}


def test_who_is_skipped_is_told_by_the_reason_and_listed(mailing: Mailing, owner: User, page: Client) -> None:
    for key, reason, whose in (
        ("r0@example.com", "unsubscribed", owner),
        ("r0@example.com", "manual", owner),
        ("r1@example.com", "complaint", None),
        ("elsewhere@example.com", "manual", owner),
    ):
        Suppression.objects.create(owner=whose, address_key=key, reason=reason)
    Suppression.objects.create(owner=owner, address_key="r2@example.com", reason="manual", lifted_at=db_now())
    response = shown(page, mailing)
    assert response.context["found"].crowd.skips == {"unsubscribed": 1, "site": 1}
    text = response.content.decode()
    assert "Send to 1 recipient now?" in text
    assert "Suppressed by this site" in text
    for group, email in (("unsubscribed", "r0"), ("site", "r1")):
        path = f"/mailings/{mailing.pk}/people/?group={group}"
        assert path in text
        assert [one.email for one in page.get(path).context["page"].rows] == [f"{email}@example.com"]
    change_status(mailing.pk, "start", owner)
    assert counted(mailing) == {"queued": 1, "skipped": 2}
    assert page.get(f"/mailings/{mailing.pk}/people/?group=site").status_code == 302
    assert page.get(f"/mailings/{make_mailing(owner).pk}/people/?group=nonsense").status_code == 404


def test_empty_fields_are_counted_where_there_is_no_default(mailing: Mailing, owner: User, page: Client) -> None:
    Recipient.objects.filter(email__in=["r0@example.com", "r1@example.com"]).update(full_name="")
    Suppression.objects.create(owner=owner, address_key="r0@example.com", reason="manual")
    assert warnings(page, mailing) == []
    rewrite(mailing, subject="For {{ recipient.full_name }}", body=GOOD + "{{ recipient.comment }}")
    said = warnings(page, mailing)
    assert said[0] == "{{ recipient.full_name }} is empty for 1 recipient, and has no default."
    assert said[1] == "{{ recipient.comment }} is empty for 2 recipients, and has no default."
    (one,) = page.get(f"/mailings/{mailing.pk}/people/?group=empty-full_name").context["page"].rows
    assert one.email == "r1@example.com"


HTML = '<p>Hi <a href="{{ unsubscribe_url }}">leave</a> ' + ADDRESS + "</p>"


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"subject": ""}, "no subject"),
        ({"subject": "x" * 71}, "71 characters"),
        ({"subject": "{{ recipient.comment | default: ' ' }}"}, "subject is empty"),
        ({"body": f"Hi\n{ADDRESS}"}, "no unsubscribe link"),
        ({"body": "Hi {{ unsubscribe_url }} in 2026"}, "postal address"),
        ({"body": "Only 1500 left\nTel 12345 {{ unsubscribe_url }}"}, "postal address"),
        ({"kind": "html", "body": HTML + '<a href="www.example.com">x</a>'}, "lead nowhere: www.example.com"),
        ({"kind": "html", "body": HTML + '<img src="http://example.com/a.png">'}, "http://example.com/a.png"),
        ({"kind": "html", "body": HTML + '<p style="background: url(http://a.de/b.png)">x</p>'}, "http://a.de/b.png"),
        (
            {"kind": "html", "body": HTML + '<table background="http://a.de/b.png"><tr></tr></table>'},
            "http://a.de/b.png",
        ),
        ({"body": f"{GOOD} http://example.com/x"}, "without https"),
        ({"kind": "html", "body": HTML + "<p>Long words</p>" * 7000}, "102 kB"),
        ({"kind": "html", "body": '<img src="https://example.com/a.png" alt="">'}, "no plain text"),
        ({"kind": "html", "body": HTML + '<img src="cid:no@inline">'}, "not attached: no@inline"),
    ],
)
def test_what_is_risky_about_the_message_is_said(
    mailing: Mailing, page: Client, fields: dict[str, str], words: str
) -> None:
    rewrite(mailing, **fields)
    assert [one for one in warnings(page, mailing) if words in one], warnings(page, mailing)
    assert blockers(page, mailing) == []


def test_large_mails_are_told_with_what_all_of_them_weigh(mailing: Mailing, page: Client) -> None:
    Attachment.objects.create(
        message=mailing.message, name="a.pdf", content_type="application/pdf", size=8 * 1024 * 1024, data=b"x"
    )
    (said,) = warnings(page, mailing)
    assert "Each mail has 10.9\xa0MB, together 32.8\xa0MB" in said


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("SITE_URL", "http://mail.example.com", "not https"),
        ("EMAIL_HOST", "", "EMAIL_HOST"),
        ("DKIM_KEY_FILE", [], "not signed here"),
        ("DKIM_DOMAIN", "other.example", "signed for other.example"),
    ],
)
def test_what_lacks_in_the_site_is_said(
    mailing: Mailing, page: Client, settings: Any, name: str, value: Any, words: str
) -> None:
    setattr(settings, name, value)
    (said,) = warnings(page, mailing)
    assert words in said


def test_that_no_sender_runs_is_said(owner: User, page: Client) -> None:
    make_crowd(owner, 1)
    assert "No sender is running" in warnings(page, make_mailing(owner, body=GOOD))[0]


def test_a_new_account_learns_what_its_cap_does(mailing: Mailing, owner: User, page: Client, settings: Any) -> None:
    User.objects.filter(pk=owner.pk).update(sending_allowed_at=None)
    settings.NEW_ACCOUNT_DAILY_CAP = 2
    Mailing.objects.update(ends_at=db_now() + timedelta(days=7))
    (said,) = warnings(page, mailing)
    assert "2 go at once, the rest within about 1 day" in said
    settings.SENDING_REQUIRES_APPROVAL = True
    (said,) = warnings(page, mailing)
    assert "until then it waits" in said


def test_a_cap_that_does_not_get_done_within_the_window_is_said(
    mailing: Mailing, owner: User, page: Client, settings: Any
) -> None:
    User.objects.filter(pk=owner.pk).update(sending_allowed_at=None)
    settings.NEW_ACCOUNT_DAILY_CAP = 1
    Mailing.objects.update(ends_at=db_now() + timedelta(hours=49))
    too_short, capped = warnings(page, mailing)
    assert "too short: it will take about 2 d 2 h, and 2 d 0 h are left" in too_short
    assert "within about 2 days" in capped
    text = shown(page, mailing).content.decode()
    assert "It will take about 2 days at a new account’s cap." in text
    assert "not known yet" not in text
    Mailing.objects.update(ends_at=db_now() + timedelta(hours=51))
    assert len(warnings(page, mailing)) == 1


def test_how_long_it_takes_is_told_by_the_last_mailing(owner: User, page: Client) -> None:
    make_crowd(owner, 40)
    worker = a_worker()
    last = change_status(make_mailing(owner).pk, "start", owner)
    now = microseconds()
    claims = claimed(worker, 40)
    record(worker, [Result(claim, ACCEPTED, now, now + n * 1_000_000) for n, claim in enumerate(claims, 1)])
    draft = make_mailing(owner, body=GOOD)
    assert last.pk != draft.pk
    assert shown(page, draft).context["found"].pace.seconds == 40
    assert "It will take about 40 s" in shown(page, draft).content.decode()
    assert warnings(page, draft) == []
    Mailing.objects.filter(pk=draft.pk).update(ends_at=db_now() + timedelta(seconds=30))
    (said,) = warnings(page, draft)
    assert "too short: it will take about 40 s" in said


def test_how_long_it_takes_is_told_by_a_limit_where_there_is_one(
    mailing: Mailing, owner: User, superuser: User, page: Client
) -> None:
    people = shown(page, mailing).context["found"].crowd.reached
    set_rate(owner, Rate(1, MINUTE), mailing)
    assert f"At most 1 per minute. That takes {duration(60 * people)}." in shown(page, mailing).content.decode()
    set_rate(superuser, Rate(1, MINUTE), None)
    set_rate(owner, None, mailing)
    assert "At most 1 per minute: the limit of the whole site. That takes" in shown(page, mailing).content.decode()


def test_blockers_take_the_button_away_and_hold_against_a_post(mailing: Mailing, page: Client) -> None:
    rewrite(mailing, body="Hello {{ recipient.nonsense }}")
    assert "Unknown merge tags" in blockers(page, mailing)[0]
    assert 'class="btn btn-primary"' not in shown(page, mailing).content.decode()
    assert page.post(f"/mailings/{mailing.pk}/start/").status_code == 409
    assert Mailing.objects.get().status == "draft"


def test_style_sheets_that_grow_too_large_hold_a_launch_back(mailing: Mailing, page: Client) -> None:
    body = f"<style>*{{--x:{'a' * 5_000}}}</style>{'<b></b>' * 3_000}"
    Message.objects.filter(pk=mailing.message_id).update(kind="html", body=body)
    assert "Its style sheets are too much" in blockers(page, mailing)[0]
    assert page.post(f"/mailings/{mailing.pk}/start/").status_code == 409


def test_nobody_to_send_to_is_a_blocker_and_so_is_everybody_suppressed(owner: User, page: Client) -> None:
    mailing = make_mailing(owner, body=GOOD)
    assert blockers(page, mailing) == ["There is nobody to send to."]
    Mailing.objects.update(everyone=False)
    assert "/audience/" in shown(page, mailing).context["found"].blockers[0].url
    Mailing.objects.update(everyone=True)
    make_recipients(owner, "one@example.com")
    Suppression.objects.create(owner=owner, address_key="one@example.com", reason="manual")
    assert "nobody would get it" in blockers(page, mailing)[0]


def test_a_sender_that_is_not_allowed_and_a_blocked_owner_are_blockers(
    mailing: Mailing, owner: User, superuser: User, client: Client
) -> None:
    client.force_login(superuser)
    Mailing.objects.update(from_address="gone@example.com")
    User.objects.filter(pk=owner.pk).update(is_active=False)
    assert len(blockers(client, mailing)) == 2
    assert "gone@example.com" in blockers(client, mailing)[0]


def test_after_the_window_it_is_not_scheduled_but_sent_with_a_new_end(mailing: Mailing, page: Client) -> None:
    Mailing.objects.update(starts_at=db_now() - timedelta(days=2), ends_at=db_now() - timedelta(days=1))
    assert "window has ended" in blockers(page, mailing, "schedule")[0]
    assert blockers(page, mailing, "start") == []
    assert 'name="ends_at"' in shown(page, mailing).content.decode()
    page.post(f"/mailings/{mailing.pk}/start/", {"ends_at": "2031-01-01T00:00"})
    assert Mailing.objects.get().status == "sending"


def test_what_starts_at_once_when_it_is_scheduled_says_so(mailing: Mailing, page: Client) -> None:
    assert "it starts at once" in warnings(page, mailing, "schedule")[0]
    Mailing.objects.update(starts_at=db_now() + timedelta(minutes=10))
    assert warnings(page, mailing, "schedule") == []


def test_it_asks_as_often_however_many_there_are(mailing: Mailing, owner: User, page: Client) -> None:
    def queries() -> int:
        with CaptureQueriesContext(
            connection,
        ) as captured:
            shown(page, mailing)
        return len(captured)

    few = queries()
    Recipient.objects.bulk_create(
        Recipient(owner=owner, email=f"m{n}@example.com", address_key=f"m{n}@example.com") for n in range(500)
    )
    Suppression.objects.bulk_create(
        Suppression(owner=owner, address_key=f"m{n}@example.com", reason="manual") for n in range(100)
    )
    assert queries() == few


async def test_strangers_and_managers_do_not_find_it(
    mailing: Mailing, stranger: User, manager: User, signed_in: Callable[[User], AsyncClient]
) -> None:
    for user in (stranger, manager):
        for action in ("start", "schedule"):
            assert (await signed_in(user).get(f"/mailings/{mailing.pk}/{action}/")).status_code == 404
    path = f"/mailings/{mailing.pk}/people/?group=site"
    assert (await signed_in(stranger).get(path)).status_code == 404
    assert (await signed_in(manager).get(path)).status_code == 200
