"""A list that is on its way is not sent again by a second click, but another one is."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page

from tests.browser.conftest import sign_in

# Sent, sent again, and again after something else was typed: whether each was refused. Nothing leaves the page.
SENT = """() => {
  const form = document.querySelector("main form"), refused = [];
  addEventListener("submit", (event) => { refused.push(event.defaultPrevented); event.preventDefault(); });
  form.requestSubmit();
  form.requestSubmit();
  form.elements.pasted.dispatchEvent(new Event("input", { bubbles: true }));
  form.requestSubmit();
  return refused;
}"""


@pytest.mark.parametrize("address", ["/recipients/import/", "/suppressions/add/"])
def test_a_list_is_sent_once(open_page: Callable[..., Page], address: str) -> None:
    page = open_page()
    sign_in(page)
    page.goto(address)
    assert page.evaluate(SENT) == [False, True, False]
