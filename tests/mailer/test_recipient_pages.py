from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import AsyncClient, Client

from core.models import User
from mailer.delivery.transitions import change_status
from mailer.forms.recipients import RecipientForm
from mailer.models import Delivery, Recipient
from tests.support.mailings import make_crowd, make_mailing, make_recipients

pytestmark = pytest.mark.django_db

SignedIn = Callable[[User], AsyncClient]


@pytest.fixture
def recipient(owner: User) -> Recipient:
    return make_recipients(owner, "ana@example.com")[0]


async def test_it_adds_one(owner: User, signed_in: SignedIn) -> None:
    form = {"email": " Ana@ПРИМЕР.example ", "full_name": "Ana <b>", "comment": ""}
    response = await signed_in(owner).post("/recipients/new/", form)
    recipient = await Recipient.objects.aget()
    assert response["Location"] == f"/recipients/{recipient.pk}/"
    assert (recipient.owner_id, recipient.address_key) == (owner.pk, "ana@xn--e1afmkfd.example")
    assert "Ana &lt;b&gt;" in (await signed_in(owner).get(response["Location"])).content.decode()


@pytest.mark.parametrize(
    ("field", "text", "complaint"),
    [
        ("email", "not an address", "Enter a valid email|Not an email address"),
        ("email", "", "required"),
        ("email", "x" * 250 + "@example.com", "254|Not an email"),
        ("email", "ANA@example.com", "already: Ana <ana@example.com>"),
        ("full_name", "a\nb", "one line"),
        ("full_name", "x" * 201, "200"),
    ],
)
async def test_it_says_what_is_wrong_and_loses_nothing(
    owner: User, recipient: Recipient, signed_in: SignedIn, field: str, text: str, complaint: str
) -> None:
    form = {"email": "new@example.com", "full_name": "Kept", "comment": "Kept too"} | {field: text}
    response = await signed_in(owner).post("/recipients/new/", form)
    errors = " ".join(response.context["form"].errors[field])
    assert any(part in errors for part in complaint.split("|"))
    assert response.context["form"]["comment"].value() == "Kept too"
    assert await Recipient.objects.acount() == 1


def test_whoever_comes_second_in_a_race_is_told(owner: User) -> None:
    form = RecipientForm({"email": "ana@example.com"}, instance=Recipient(owner=owner))
    assert form.is_valid()
    make_recipients(owner, "ANA@example.com")
    assert form.save() is None
    assert form.errors["email"] == ["You have this recipient already: Ana <ANA@example.com>"]


async def test_it_edits_and_keeps_the_key(owner: User, recipient: Recipient, signed_in: SignedIn) -> None:
    form = {"email": "Ana@example.com", "full_name": "Ana Nova", "comment": "x"}
    await signed_in(owner).post(f"/recipients/{recipient.pk}/edit/", form)
    await recipient.arefresh_from_db()
    assert (recipient.email, recipient.address_key, recipient.full_name) == (
        "Ana@example.com",
        "ana@example.com",
        "Ana Nova",
    )


def test_it_pages_and_searches(owner: User, client: Client) -> None:
    make_crowd(owner, 120)
    client.force_login(owner)
    first = client.get("/recipients/")
    assert len(first.context["page"].rows) == 50
    second = client.get(f"/recipients/?older={first.context['page'].older}")
    assert second.context["page"].rows[0].email == "r69@example.com"
    assert [r.email for r in client.get("/recipients/?q=person+77").context["page"].rows] == ["r77@example.com"]
    assert "Nobody found" in client.get("/recipients/?q=%00%00absent").content.decode()
    assert "?q=person&amp;older=" in client.get("/recipients/?q=person").content.decode()


@pytest.mark.parametrize(
    "page", ["?q=" + "r+" * 3000, "?q=" + "%D1%91" * 5000, "?q=%ED%A0%80", "?older=²", "?newer=-1", "9" * 30 + "/"]
)
def test_no_address_breaks_it(owner: User, recipient: Recipient, client: Client, page: str) -> None:
    client.force_login(owner)
    assert client.get(f"/recipients/{page}").status_code == (200 if page.startswith("?") else 404)


def test_what_people_write_is_text(owner: User, client: Client) -> None:
    hostile = ("<script>alert(1)</script>" * 13)[:200]
    person = Recipient.objects.create(owner=owner, email="ana@example.com", full_name=hostile, comment=hostile * 3)
    client.force_login(owner)
    for page in ("", f"{person.pk}/", f"{person.pk}/edit/", f"{person.pk}/delete/", "?q=<script>"):
        content = client.get(f"/recipients/{page}").content.decode()
        assert "&lt;script&gt;" in content
        assert "<script>alert" not in content


@pytest.mark.parametrize("page", ["", "new/", "import/", "1/", "1/edit/", "1/delete/"])
def test_a_visitor_is_asked_to_sign_in(client: Client, page: str) -> None:
    assert client.get(f"/recipients/{page}")["Location"] == f"/account/login/?next=/recipients/{page}"
    assert client.post(f"/recipients/{page}").status_code == 403


def test_deleting_asks_first_and_leaves_the_ledger(owner: User, recipient: Recipient, client: Client) -> None:
    mailing = make_mailing(owner)
    change_status(mailing.pk, "start", owner)
    client.force_login(owner)
    assert "stays in the ledger" in client.get(f"/recipients/{recipient.pk}/delete/").content.decode()
    assert Recipient.objects.exists()
    client.post(f"/recipients/{recipient.pk}/delete/")
    assert not Recipient.objects.exists()
    delivery = Delivery.objects.get()
    assert (delivery.email, delivery.recipient, delivery.full_name) == ("ana@example.com", None, "Ana")


def test_deleting_during_a_launch_loses_nobody(owner: User, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mailer.delivery.transitions.FIRST_CHUNK", 2)
    crowd = make_crowd(owner, 5)
    change_status(make_mailing(owner).pk, "start", owner)
    client.force_login(owner)
    client.post(f"/recipients/{crowd[4].pk}/delete/")
    assert Delivery.objects.count() == 5


def test_it_shows_what_was_sent(owner: User, recipient: Recipient, client: Client) -> None:
    mailing = change_status(make_mailing(owner, subject="Spring").pk, "start", owner)
    client.force_login(owner)
    page = client.get(f"/recipients/{recipient.pk}/").content.decode()
    assert "Spring" in page
    assert f"/mailings/{mailing.pk}/" in page


@pytest.mark.parametrize("page", ["", "edit/", "delete/"])
async def test_a_stranger_finds_nothing(stranger: User, recipient: Recipient, signed_in: SignedIn, page: str) -> None:
    client = signed_in(stranger)
    assert (await client.get(f"/recipients/{recipient.pk}/{page}")).status_code == 404
    assert (await client.post(f"/recipients/{recipient.pk}/{page}", {"email": "x@y.example"})).status_code in (404, 405)
    assert (await Recipient.objects.aget()).email == "ana@example.com"


@pytest.mark.parametrize(
    "search", ["иван", "ИВАН", "Иван", "ИВан петр", "ПЕТРОВ", "müller", "MÜLLER", "бу.*", "(ЁЖ", "ana+В"]
)
def test_it_searches_in_any_script_and_capitals(owner: User, client: Client, search: str) -> None:
    Recipient.objects.create(
        owner=owner, email="Ana+в@example.com", full_name="Иван Петров-Müller", comment="Бу.* (ёж\\d)"
    )
    make_recipients(owner, "other@example.com")
    client.force_login(owner)
    found = client.get("/recipients/", {"q": search}).context["page"].rows
    assert [one.email for one in found] == ["Ana+в@example.com"]
    assert client.get("/recipients/", {"q": f"{search} буб"}).context["page"].rows == []
