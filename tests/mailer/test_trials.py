"""Test sends: what is tested is what is sent, at once, for a chosen recipient's eyes, and counted by no mailing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.core.cache import cache
from django.test import AsyncClient

from core.clock import db_now, shifted
from core.models import User
from mailer.delivery.allowance import allowance_of
from mailer.delivery.compose import Envelope
from mailer.delivery.dkim_keys import as_pem
from mailer.delivery.outcome import Kind
from mailer.delivery.transitions import change_status
from mailer.delivery.transport import transport_from_settings
from mailer.delivery.trial import deliver_each
from mailer.models import Attachment, Attempt, AttemptCount, Delivery, Mailing, Message, SentTest, Suppression
from tests.support.composing import addressee, composed, data_of, parsed
from tests.support.dkim import DOMAIN, RSA, verdicts
from tests.support.mailings import make_mailing, make_recipients
from tests.support.servers import free_port
from tests.support.smtp_server import (
    SmtpServer,
    close_at,
    drop_after_dot,
    refuse_recipient,
    refuse_sender,
    silent_at,
)

pytestmark = pytest.mark.django_db(transaction=True)

SignedIn = Callable[[User], AsyncClient]
Site = Callable[[SmtpServer | int], None]
BODY = '<p>Hi {{ recipient.full_name }}</p><img src="cid:logo@inline"><a href="{{ unsubscribe_url }}">leave</a>'


@pytest.fixture(autouse=True)
def no_limits_left_behind() -> Any:
    cache.clear()
    yield
    cache.clear()


@pytest.fixture
def mailing(owner: User) -> Mailing:
    make_recipients(owner, "one@example.com", "two@example.com")
    mailing = make_mailing(owner, subject="For {{ recipient.full_name }}")
    Message.objects.update(kind="html", body=BODY)
    for name, kind, content_id in (("logo.png", "image/png", "logo@inline"), ("list.pdf", "application/pdf", "")):
        data = name.encode() * 9
        Attachment.objects.create(
            message=mailing.message, name=name, content_type=kind, content_id=content_id, size=len(data), data=data
        )
    return mailing


async def post(client: AsyncClient, mailing: Mailing, addresses: str, recipient: str = "example") -> Any:
    return await client.post(
        f"/mailings/{mailing.pk}/test/", {"addresses": addresses, "recipient": recipient}, follow=True
    )


def text_of(response: Any) -> str:
    return str(response.content.decode())


async def test_it_goes_out_as_the_mailing_would_filled_in_and_marked(
    owner: User, mailing: Mailing, site: Site, signed_in: SignedIn, settings: Any, tmp_path: Path
) -> None:
    (tmp_path / "key.pem").write_bytes(as_pem(RSA.key))
    settings.DKIM_DOMAIN, settings.DKIM_SELECTOR, settings.DKIM_KEY_FILE = DOMAIN, ["rsa"], [tmp_path / "key.pem"]
    settings.DEFAULT_FROM_EMAIL, settings.SITE_URL = "Club <news@example.com>", "https://mail.example.com"
    await Mailing.objects.aupdate(from_name="Ana", reply_to="reader@example.com")
    two = await owner.recipients.aget(email="two@example.com")
    with SmtpServer(offers=["SIZE 99999999"]) as server:
        site(server)
        response = await post(signed_in(owner), mailing, "me@example.org, boss@example.org", str(two.pk))
    assert response.status_code == 200
    assert [mail.rcpt_to for mail in server.accepted] == ["me@example.org", "boss@example.org"]
    assert len({mail.message_id for mail in server.accepted}) == 2
    for taken in server.accepted:
        mail = parsed(taken.content)
        assert verdicts(taken.content) == [True]
        assert mail["Subject"] == "[Test] For Two"
        assert mail["From"] == "Ana <news@example.com>"
        assert mail["Reply-To"] == "reader@example.com"
        assert mail["To"] == taken.rcpt_to
        assert mail["Feedback-ID"].startswith("test:")
        assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
        html = mail.get_body(("html",))
        assert html is not None
        assert "Hi Two" in html.get_content()
        files = {part.get_filename(): data_of(part) for part in mail.walk() if part.get_filename()}
        assert files == {"logo.png": b"logo.png" * 9, "list.pdf": b"list.pdf" * 9}
        link = mail["List-Unsubscribe"].strip("<>").removeprefix("https://mail.example.com")
        page = await AsyncClient().get(link)
        assert "sample" in page.content.decode()
    assert text_of(response).count("2.0.0 Taken") == 2


async def test_it_is_no_part_of_the_mailings_numbers(
    owner: User, mailing: Mailing, site: Site, signed_in: SignedIn
) -> None:
    with SmtpServer() as server:
        site(server)
        await post(signed_in(owner), mailing, "one@example.com")
    for model in (Delivery, Attempt, AttemptCount):
        assert not await model._default_manager.aexists()
    row = await SentTest.objects.aget()
    assert (row.status, row.reply_code, row.mailing_id, row.user_id) == ("success", 250, mailing.pk, owner.pk)
    await mailing.arefresh_from_db()
    assert mailing.status == "draft"
    await sync_to_async(change_status)(mailing.pk, "start", owner)
    assert await Delivery.objects.acount() == 2
    page = await signed_in(owner).get(f"/mailings/{mailing.pk}/test/")
    assert page["Location"] == f"/messages/{mailing.message_id}/test/"


async def test_each_address_has_the_servers_own_words(
    owner: User, mailing: Mailing, site: Site, signed_in: SignedIn
) -> None:
    behaviours = {
        "gone@example.com": [refuse_recipient(550, "5.1.1 No <such> user")],
        "full@example.com": [refuse_recipient(452, "4.2.2 Mailbox full")],
        "lost@example.com": [drop_after_dot()],
    }
    with SmtpServer(by_address=behaviours) as server:
        site(server)
        shown = text_of(await post(signed_in(owner), mailing, "\n".join([*behaviours, "fine@example.com"])))
    found = {row.email: row.status async for row in SentTest.objects.all()}
    assert found == {
        "gone@example.com": "failure",
        "full@example.com": "failure",
        "lost@example.com": "uncertain",
        "fine@example.com": "success",
    }
    assert "550 5.1.1 No &lt;such&gt; user" in shown
    assert "452 4.2.2 Mailbox full" in shown
    assert not await Suppression.objects.aexists()


async def test_a_server_that_is_not_there_or_refuses_the_sender_says_so(
    owner: User, mailing: Mailing, site: Site, signed_in: SignedIn
) -> None:
    client = signed_in(owner)
    site(free_port())
    assert "Connection refused by 127.0.0.1" in text_of(await post(client, mailing, "a@example.com"))
    with SmtpServer(refuse_sender(550, "5.7.1 Not yours"), close_at("rcpt")) as server:
        site(server)
        assert "550 5.7.1 Not yours" in text_of(await post(client, mailing, "a@example.com"))


async def test_it_waits_for_no_server_for_ever(site: Site) -> None:
    mail = composed(addressee())
    envelope = [_envelope(mail, "a@example.com"), _envelope(mail, "b@example.com")]
    # Within its patience the first mail has to come as far as to the silence: that takes some 20 ms.
    for stage, patience, kinds in (
        ("body", 2.0, [Kind.UNCERTAIN, Kind.DEFERRED]),
        ("connect", 0.3, [Kind.DEFERRED, Kind.DEFERRED]),
    ):
        with SmtpServer(silent_at(stage)) as server:  # type: ignore[arg-type]
            site(server)
            async with asyncio.timeout(30):
                outcomes = await deliver_each(envelope, transport_from_settings(), patience)
        assert [outcome.kind for outcome in outcomes] == kinds


def _envelope(mail: bytes, rcpt_to: str) -> Envelope:
    return Envelope("news@example.com", rcpt_to, "<1@example.com>", mail)


async def test_suppressed_addresses_are_refused_with_the_reason(
    owner: User, mailing: Mailing, site: Site, signed_in: SignedIn
) -> None:
    await Suppression.objects.acreate(owner=owner, address_key="left@example.com", reason="unsubscribed")
    await Suppression.objects.acreate(owner=None, address_key="site@example.com", reason="complaint")
    with SmtpServer() as server:
        site(server)
        shown = text_of(await post(signed_in(owner), mailing, "Left@Example.com, site@example.com, fine@example.com"))
    assert [mail.rcpt_to for mail in server.accepted] == ["fine@example.com"]
    assert "No test went to Left@example.com: Unsubscribed." in shown
    assert "No test went to site@example.com: Suppressed by this site." in shown


@pytest.mark.parametrize(
    ("addresses", "complaint"),
    [
        ("", "required"),
        (",;", "at least one"),
        ("nobody", "nobody: Not an email address"),
        ("a@example.com\r\nRCPT TO:<b@example.com>", "Not an email address"),
        (",".join(f"a{n}@example.com" for n in range(11)), "At most 10"),
    ],
)
async def test_what_is_no_address_is_refused_and_nothing_goes(
    owner: User, mailing: Mailing, signed_in: SignedIn, addresses: str, complaint: str
) -> None:
    response: Any = await post(signed_in(owner), mailing, addresses)
    assert complaint in str(response.context["form"].errors["addresses"])
    assert not await SentTest.objects.aexists()


async def test_one_mailbox_gets_one_test(owner: User, mailing: Mailing, site: Site, signed_in: SignedIn) -> None:
    with SmtpServer() as server:
        site(server)
        await post(signed_in(owner), mailing, "me@example.com; ME@EXAMPLE.com\nme@example.com")
    assert len(server.accepted) == 1


async def test_tests_use_up_the_cap_of_a_new_account(
    owner: User, mailing: Mailing, site: Site, signed_in: SignedIn, settings: Any
) -> None:
    await User.objects.filter(pk=owner.pk).aupdate(sending_allowed_at=None)
    settings.NEW_ACCOUNT_DAILY_CAP = 3
    client = signed_in(owner)
    with SmtpServer() as server:
        site(server)
        await post(client, mailing, "a@example.com,b@example.com")
        refused = text_of(await post(client, mailing, "c@example.com,d@example.com"))
        assert "1 is left today" in refused
        assert len(server.accepted) == 2
        await post(client, mailing, "c@example.com")
    allowance = await sync_to_async(allowance_of)(owner.pk, await sync_to_async(db_now)())
    assert allowance is not None
    assert allowance.left == 0
    with shifted(timedelta(hours=26)):
        later = await sync_to_async(allowance_of)(owner.pk, await sync_to_async(db_now)())
        assert later is not None
        assert later.left == 3


async def test_who_may_not_send_yet_sends_no_test(
    owner: User, mailing: Mailing, site: Site, signed_in: SignedIn, settings: Any
) -> None:
    await User.objects.filter(pk=owner.pk).aupdate(sending_allowed_at=None)
    settings.SENDING_REQUIRES_APPROVAL = True
    with SmtpServer() as server:
        site(server)
        shown = text_of(await post(signed_in(owner), mailing, "a@example.com"))
    assert "before a manager allows it" in shown
    assert (server.connections, await SentTest.objects.acount()) == (0, 0)


async def test_a_blocked_user_sends_none(owner: User, mailing: Mailing, signed_in: SignedIn) -> None:
    client = signed_in(owner)
    await client.get("/")
    await User.objects.filter(pk=owner.pk).aupdate(is_active=False)
    response: Any = await client.post(f"/mailings/{mailing.pk}/test/", {"addresses": "a@example.com"})
    assert "You are signed out" in response.content.decode()
    assert not await SentTest.objects.aexists()


async def test_it_is_limited(owner: User, mailing: Mailing, site: Site, signed_in: SignedIn, settings: Any) -> None:
    settings.ACCOUNT_RATE_LIMITS = settings.ACCOUNT_RATE_LIMITS | {"test_send": "1/10m/user"}
    client = signed_in(owner)
    with SmtpServer() as server:
        site(server)
        assert (await post(client, mailing, "a@example.com")).status_code == 200
        refused = await post(client, mailing, "b@example.com")
    assert refused.status_code == 429
    assert "ten minutes" in text_of(refused)
    assert len(server.accepted) == 1


async def test_a_template_that_does_not_work_is_told(
    owner: User, mailing: Mailing, site: Site, signed_in: SignedIn
) -> None:
    await Message.objects.aupdate(kind="text", body="one\n{{ oops")
    assert "Line 2:" in text_of(await post(signed_in(owner), mailing, "a@example.com"))
    await Message.objects.aupdate(body="fine")
    await Mailing.objects.aupdate(from_address="gone@example.com")
    assert "gone@example.com is no address" in text_of(await post(signed_in(owner), mailing, "a@example.com"))


async def test_a_key_that_went_bad_is_told_without_its_file(
    owner: User, mailing: Mailing, site: Site, signed_in: SignedIn, settings: Any, tmp_path: Path
) -> None:
    settings.DKIM_DOMAIN, settings.DKIM_SELECTOR, settings.DKIM_KEY_FILE = DOMAIN, ["rsa"], [tmp_path / "gone.pem"]
    with SmtpServer() as server:
        site(server)
        response = await post(signed_in(owner), mailing, "me@example.org")
    shown = text_of(response)
    assert response.status_code == 200
    assert "DKIM key can&#x27;t be read" in shown
    assert "gone.pem" not in shown
    assert (server.connections, await SentTest.objects.acount()) == (0, 0)


async def test_a_message_is_tested_without_a_mailing(
    owner: User, mailing: Mailing, site: Site, signed_in: SignedIn
) -> None:
    path = f"/messages/{mailing.message_id}/"
    client = signed_in(owner)
    assert f'href="{path}test/"' in text_of(await client.get(path))
    with SmtpServer() as server:
        site(server)
        await client.post(f"{path}test/", {"addresses": "me@example.org", "recipient": "bare"})
    assert parsed(server.accepted[0].content)["Subject"] == "[Test] For"
    row = await SentTest.objects.aget()
    assert (row.message_id, row.mailing_id) == (mailing.message_id, None)
    await mailing.adelete()
    await Message.objects.all().adelete()
    assert await SentTest.objects.acount() == 1


@pytest.mark.parametrize("subject", ["For {{ recipient.full_name }}", "For all"])
async def test_its_mark_stands_before_the_subject_in_the_header_alone(
    owner: User, mailing: Mailing, site: Site, signed_in: SignedIn, subject: str
) -> None:
    await Message.objects.aupdate(kind="text", subject=subject, body="You read “{{ mailing.subject }}”.")
    with SmtpServer() as server:
        site(server)
        await post(signed_in(owner), mailing, "me@example.org", "bare")
    mail, filled_in = parsed(server.accepted[0].content), subject.partition(" {{")[0]
    assert mail["Subject"] == f"[Test] {filled_in}"
    body = mail.get_body(("plain",))
    assert body is not None
    assert f"You read “{filled_in}”." in body.get_content()


async def test_it_goes_through_any_backend(
    owner: User, mailing: Mailing, signed_in: SignedIn, mailoutbox: list[Any]
) -> None:
    await post(signed_in(owner), mailing, "me@example.org")
    assert [mail.to for mail in mailoutbox] == [["me@example.org"]]


async def test_it_is_filled_in_with_ones_own_recipient_alone(
    owner: User, stranger: User, mailing: Mailing, site: Site, signed_in: SignedIn
) -> None:
    theirs, *_rest = await sync_to_async(make_recipients)(stranger, "secret@example.com")
    with SmtpServer() as server:
        site(server)
        await post(signed_in(owner), mailing, "me@example.org", str(theirs.pk))
    assert parsed(server.accepted[0].content)["Subject"] == "[Test] For Ana Novák"


@pytest.mark.parametrize(
    ("asked", "back"),
    [("", ""), ("?before=start", "start/"), ("?before=schedule", "schedule/"), ("?before=//evil.example", "")],
)
async def test_back_leads_where_one_came_from(
    owner: User, mailing: Mailing, signed_in: SignedIn, asked: str, back: str
) -> None:
    page = text_of(await signed_in(owner).get(f"/mailings/{mailing.pk}/test/{asked}"))
    assert f'href="/mailings/{mailing.pk}/{back}">Back<' in page
    assert f'href="/mailings/{mailing.pk}/">←' in page


@pytest.mark.parametrize("action", ["start", "schedule"])
async def test_the_page_before_it_goes_out_is_one_to_come_back_to(
    owner: User, mailing: Mailing, signed_in: SignedIn, action: str
) -> None:
    page = text_of(await signed_in(owner).get(f"/mailings/{mailing.pk}/{action}/"))
    assert f'href="/mailings/{mailing.pk}/test/?before={action}"' in page


async def test_nobody_tests_what_is_somebody_elses(
    stranger: User, manager: User, mailing: Mailing, signed_in: SignedIn
) -> None:
    for user in (stranger, manager):
        client = signed_in(user)
        for path in (f"/mailings/{mailing.pk}/test/", f"/messages/{mailing.message_id}/test/"):
            assert (await client.get(path)).status_code == 404
            assert (await client.post(path, {"addresses": "me@example.org"})).status_code == 404
    assert not await SentTest.objects.aexists()
