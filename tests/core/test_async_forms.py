from __future__ import annotations

import pytest
from django import forms
from django.db import IntegrityError

from core.async_forms import ais_valid, save_valid
from core.models import User
from mailer.models import Recipient

RecipientForm = forms.modelform_factory(Recipient, fields=["email", "full_name"])


def form_of(owner: User, email: str) -> forms.BaseForm:
    return RecipientForm({"email": email, "full_name": ""}, instance=Recipient(owner=owner))


async def test_it_saves_a_valid_form(owner: User) -> None:
    saved = await save_valid(form_of(owner, "one@example.com"))
    assert saved == await Recipient.objects.aget()


async def test_it_saves_nothing_of_an_invalid_form(owner: User) -> None:
    form = form_of(owner, "")
    assert await save_valid(form) is None
    assert "email" in form.errors
    assert not await Recipient.objects.aexists()


async def test_it_validates_alone(owner: User) -> None:
    assert await ais_valid(form_of(owner, "one@example.com"))
    assert not await ais_valid(form_of(owner, ""))


async def test_it_leaves_the_database_usable_when_saving_fails(owner: User) -> None:
    await save_valid(form_of(owner, "one@example.com"))
    with pytest.raises(IntegrityError):
        await save_valid(form_of(owner, "ONE@example.com"))
    assert await Recipient.objects.acount() == 1
