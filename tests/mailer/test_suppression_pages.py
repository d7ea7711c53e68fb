"""The suppression lists' pages: one's own, everybody's for managers, the site's for superusers."""

from __future__ import annotations

from urllib.parse import urlencode

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from core.models import User
from mailer.addresses import address_key
from mailer.consent import unsubscribe
from mailer.delivery.transitions import change_status
from mailer.models import AuditEntry, Mailing, Suppression
from tests.support.mailings import make_mailing, make_recipients, states
from tests.support.streaming import downloaded
from tests.support.suppressions import suppress_for

pytestmark = pytest.mark.django_db

ANA, BEN = "ana@example.com", "ben@example.com"
LIST, ADD = "/suppressions/", "/suppressions/add/"


@pytest.fixture
def mailing(owner: User) -> Mailing:
    make_recipients(owner, ANA, BEN)
    return change_status(make_mailing(owner).pk, "start", owner)


def shown(page: Client, query: str = "") -> list[str]:
    return [one.address_key for one in page.get(LIST + query).context["page"].rows]


def exported(page: Client, query: str) -> str:
    return downloaded(page, f"/suppressions/export/{query}")


def test_an_empty_list_says_what_comes_into_it(page: Client) -> None:
    assert "Nobody is suppressed" in page.get(LIST).content.decode()


def test_it_adds_what_was_typed_and_says_what_became_of_it(page: Client, owner: User, mailing: Mailing) -> None:
    response = page.post(ADD, {"pasted": f"{ANA}\nnobody\n", "reason": "complaint", "note": "by phone"})
    report = response.context["report"]
    assert (report.added, report.known, report.left_out) == (1, 0, 1)
    suppression = Suppression.objects.get()
    assert (suppression.owner, suppression.reason, suppression.source) == (owner, "complaint", "by phone")
    assert suppression.added_by == owner
    assert states(mailing) == {ANA: "skipped", BEN: "queued"}


@pytest.mark.parametrize("size", [1, 300_000])
def test_it_reads_a_file_small_or_large(page: Client, size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("django.conf.settings.FILE_UPLOAD_MAX_MEMORY_SIZE", 100_000)
    file = SimpleUploadedFile("gone.csv", f"email\n{ANA}\n".encode() + b" \n" * size)
    assert page.post(ADD, {"file": file}).context["report"].added == 1
    assert list(Suppression.objects.values_list("reason", "source")) == [("imported", "gone.csv")]


@pytest.mark.parametrize("fields", [{}, {"pasted": "  "}, {"pasted": ANA, "reason": "nonsense"}])
def test_it_says_what_is_missing(page: Client, fields: dict[str, str]) -> None:
    response = page.post(ADD, fields)
    assert response.context["form"].errors
    assert not Suppression.objects.exists()


def test_it_filters_searches_and_pages(page: Client, owner: User, stranger: User) -> None:
    suppress_for(owner, *(f"r{n}@example.com" for n in range(60)))
    suppress_for(owner, "ana@xn--e1afmkfd.example", reason="unsubscribed")
    suppress_for(stranger, "theirs@example.com")
    suppress_for(None, "sites@example.com")
    assert len(shown(page)) == 50
    assert len(shown(page, f"?older={page.get(LIST).context['page'].older}")) == 11
    assert shown(page, "?reason=unsubscribed") == ["ana@xn--e1afmkfd.example"]
    assert shown(page, "?q=Ana@ПРИМЕР.example") == ["ana@xn--e1afmkfd.example"]
    assert shown(page, "?q=r59") == ["r59@example.com"]
    assert shown(page, "?q=theirs") == shown(page, "?q=sites") == shown(page, "?q=sites&whose=site") == []
    assert "Nobody found" in page.get(f"{LIST}?q=theirs").content.decode()


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("пример.рф", ["иван@xn--e1afmkfd.xn--p1ai"]),
        ("ПРИМЕР.РФ", ["иван@xn--e1afmkfd.xn--p1ai"]),
        ("@пример.", ["иван@xn--e1afmkfd.xn--p1ai"]),
        (".рф", ["иван@xn--e1afmkfd.xn--p1ai"]),
        ("ИВАН", ["иван@xn--e1afmkfd.xn--p1ai"]),
        ("Иван пример", ["иван@xn--e1afmkfd.xn--p1ai"]),
        ("Ван@Пример", ["иван@xn--e1afmkfd.xn--p1ai"]),
        ("XN--E1AF", ["иван@xn--e1afmkfd.xn--p1ai"]),
        ("bücher", ["ana@xn--bcher-kva.example"]),
        ("Ana@BÜCHER.example", ["ana@xn--bcher-kva.example"]),
        ("straße", ["ana@xn--strae-oqa.example", "strasse@example.com"]),
        ("ANA bücher", ["ana@xn--bcher-kva.example"]),
        ("..", []),
        ("\u0301@@", []),
        ("%", []),
        ("bücher nobody", []),
    ],
)
def test_it_finds_addresses_in_any_script_and_capitals(
    page: Client, owner: User, search: str, found: list[str]
) -> None:
    keys = ["Иван@пример.рф", "ana@bücher.example", "ana@straße.example", "Straße@example.com"]
    suppress_for(owner, *(address_key(address) for address in keys))
    assert sorted(shown(page, f"?{urlencode({'q': search})}")) == found


def test_it_shows_domains_in_their_own_script_where_they_have_one(page: Client, owner: User) -> None:
    unreadable = "ben@xn--0.example"
    suppress_for(owner, "иван@xn--e1afmkfd.xn--p1ai", unreadable, ANA)
    listed = page.get(LIST).content.decode()
    assert all(f">{address}</a>" in listed for address in ("иван@пример.рф", unreadable, ANA))
    suppression = Suppression.objects.get(address_key="иван@xn--e1afmkfd.xn--p1ai")
    assert "<title>иван@пример.рф" in page.get(f"{LIST}{suppression.pk}/").content.decode()
    assert "иван@xn--e1afmkfd.xn--p1ai" in exported(page, "")


def test_it_exports_what_it_shows(page: Client, owner: User) -> None:
    suppress_for(owner, ANA, reason="unsubscribed")
    suppress_for(owner, BEN)
    response = page.get("/suppressions/export/?reason=unsubscribed")
    assert response["Content-Type"].startswith("text/csv")
    assert "attachment" in response["Content-Disposition"]
    lines = exported(page, "?reason=unsubscribed").splitlines()
    assert [line.partition(",")[0] for line in lines] == ["email", ANA]


def test_neither_list_nor_export_reads_the_mailings_texts(page: Client, owner: User, mailing: Mailing) -> None:
    unsubscribe(mailing.deliveries.select_related("mailing").get(email=ANA))
    with CaptureQueriesContext(connection) as queries:
        assert "by the link in" in page.get(LIST).content.decode()
        assert ANA in exported(page, "")
    read = [query["sql"] for query in queries if "mailer_suppression" in query["sql"]]
    assert len(read) >= 2
    assert not [sql for sql in read if '"html"' in sql or '"body"' in sql]


def test_it_lifts_one_with_a_reason_that_is_kept(page: Client, owner: User, mailing: Mailing) -> None:
    suppress_for(owner, ANA, reason="hard_bounce")
    suppress_for(owner, ANA)
    bounce = Suppression.objects.get(reason="hard_bounce")
    path = f"/suppressions/{bounce.pk}/"
    assert "other reason" in page.get(path).content.decode()
    refused = page.post(f"{path}lift/", {"why": ""})
    assert "why" in refused.context["form"].errors
    for _time in range(2):
        assert page.post(f"{path}lift/", {"why": "Has a <new> mailbox"})["Location"] == path
    bounce.refresh_from_db()
    assert bounce.lifted_at
    assert (bounce.lifted_by, bounce.lift_reason) == (owner, "Has a <new> mailbox")
    entry = AuditEntry.objects.get(action="lift")
    assert (entry.actor, entry.suppression, entry.before, entry.after) == (owner, bounce, "hard_bounce", "lift")
    told = page.get(path).content.decode()
    assert "Has a &lt;new&gt; mailbox" in told
    assert shown(page) == [ANA]
    assert shown(page, "?reason=lifted") == [ANA]
    assert states(mailing)[ANA] == "skipped"


def test_it_stays_when_the_recipient_is_deleted_and_imported_again(page: Client, owner: User) -> None:
    recipient = make_recipients(owner, ANA)[0]
    page.post(ADD, {"pasted": ANA})
    page.post(f"/recipients/{recipient.pk}/delete/")
    page.post("/recipients/import/", {"pasted": "Ana@Example.COM"})
    mailing = change_status(make_mailing(owner).pk, "start", owner)
    assert list(states(mailing).values()) == ["skipped"]


def test_recipients_pages_say_so(page: Client, owner: User, stranger: User) -> None:
    ana, ben = make_recipients(owner, ANA, BEN)
    suppress_for(owner, ANA, reason="hard_bounce")
    suppress_for(None, BEN, reason="complaint")
    suppress_for(stranger, BEN)
    rows = {recipient.email: labels for recipient, labels in page.get("/recipients/").context["rows"]}
    assert rows == {ANA: ["Hard bounce"], BEN: ["Suppressed by this site"]}
    assert (
        f"/suppressions/{Suppression.objects.get(owner=owner).pk}/"
        in page.get(f"/recipients/{ana.pk}/").content.decode()
    )
    bens = page.get(f"/recipients/{ben.pk}/").content.decode()
    assert "Suppressed by this site" in bens
    assert "Complaint" not in bens


def test_the_mailings_pages_say_who_was_skipped_and_why(page: Client, owner: User, mailing: Mailing) -> None:
    suppress_for(owner, ANA, reason="unsubscribed")
    suppress_for(None, BEN, reason="complaint")
    detail = page.get(f"/mailings/{mailing.pk}/").content.decode()
    assert "deliveries/?state=skipped" in detail
    assert "× Unsubscribed" in " ".join(detail.replace("</strong>", "").split())
    listed = page.get(f"/mailings/{mailing.pk}/deliveries/?state=skipped").content.decode()
    assert "Suppressed by this site" in listed
    for email, links in ((ANA, True), (BEN, False)):
        delivery = mailing.deliveries.get(email=email)
        told = page.get(f"/mailings/{mailing.pk}/deliveries/{delivery.pk}/").content.decode()
        assert ("/suppressions/" in told.partition("</nav>")[2]) == links


def test_of_very_many_skipped_it_tells_the_reasons_of_the_newest(
    page: Client, owner: User, mailing: Mailing, monkeypatch: pytest.MonkeyPatch
) -> None:
    suppress_for(owner, ANA, BEN)
    assert "Of the newest" not in page.get(f"/mailings/{mailing.pk}/").content.decode()
    monkeypatch.setattr("mailer.not_sent.MOST_LOOKED_AT", 1)
    assert "Of the newest 1." in page.get(f"/mailings/{mailing.pk}/").content.decode()


def test_a_superuser_keeps_the_sites_list(client: Client, superuser: User, mailing: Mailing) -> None:
    client.force_login(superuser)
    client.post(f"{ADD}?whose=site", {"pasted": ANA, "reason": "complaint"})
    suppression = Suppression.objects.get()
    assert suppression.owner is None
    assert states(mailing) == {ANA: "skipped", BEN: "queued"}
    assert shown(client) == shown(client, "?whose=everybody") == []
    assert shown(client, "?whose=site") == [ANA]
    client.post(f"/suppressions/{suppression.pk}/lift/", {"why": "a mistake"})
    assert not Suppression.objects.filter(lifted_at=None).exists()


def test_the_sites_empty_list_leads_to_the_sites_form(client: Client, superuser: User) -> None:
    client.force_login(superuser)
    site, own = (client.get(f"/suppressions/{query}").content.decode() for query in ("?whose=site", ""))
    assert (site.count(f'href="{ADD}?whose=site"'), own.count(f'href="{ADD}"')) == (2, 2)
    assert "is put here by itself" in own
    assert "is put here by itself" not in site


def test_a_manager_sees_everybodys_and_changes_none(client: Client, manager: User, owner: User) -> None:
    suppress_for(owner, ANA)
    suppress_for(None, BEN)
    own, sites = Suppression.objects.get(owner=owner), Suppression.objects.get(owner=None)
    client.force_login(manager)
    assert shown(client) == []
    assert shown(client, "?whose=everybody") == [ANA]
    assert shown(client, "?whose=site") == []
    assert "Lift it" not in client.get(f"/suppressions/{own.pk}/").content.decode()
    assert client.post(f"/suppressions/{own.pk}/lift/", {"why": "x"}).status_code == 404
    assert client.get(f"/suppressions/{sites.pk}/").status_code == 404
    assert ANA in exported(client, "?whose=everybody")
    assert BEN not in exported(client, "?whose=everybody")


def test_nobody_else_reaches_the_sites_list(page: Client, manager: User, owner: User) -> None:
    suppress_for(None, ANA)
    sites = Suppression.objects.get()
    for user in (owner, manager):
        page.force_login(user)
        assert page.get(f"{ADD}?whose=site").status_code == 404
        assert page.post(f"{ADD}?whose=site", {"pasted": BEN}).status_code == 404
        assert page.get(f"/suppressions/{sites.pk}/").status_code == 404
        assert page.post(f"/suppressions/{sites.pk}/lift/", {"why": "x"}).status_code == 404
        assert ANA not in exported(page, "?whose=site")
    assert Suppression.objects.filter(lifted_at=None).count() == 1
