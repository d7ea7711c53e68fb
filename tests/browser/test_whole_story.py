"""From a stranger to a mailing under way, in Russian; and how a manager stops it and its sender."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import Page, expect

from tests.browser.conftest import sign_in
from tests.browser.test_sign_up import CHOSEN, open_mail, send_form

PASSWORD = CHOSEN
WITHIN_A_MINUTE = 60_000  # milliseconds
SLOW = 900  # recipients whose mail takes two seconds each, on twenty connections: a minute and a half to pause it in


def make_account(page: Page, email: str) -> None:
    page.goto("/")
    expect(page.locator("html")).to_have_attribute("lang", "ru")
    page.goto("/account/signup/")
    send_form(page, email=email, password1=PASSWORD, password2=PASSWORD)
    open_mail(page, email, "Подтвердите")
    link = page.frame_locator("iframe").locator("a").first.get_attribute("href")
    assert link
    page.goto(link)
    page.click("main form button")
    sign_in(page, email, PASSWORD)


def make_mailing(page: Page) -> None:
    page.goto("/recipients/import/")
    page.fill("[name=pasted]", "\n".join(f"slow.{n}@example.com,Получатель {n}" for n in range(SLOW)))
    page.click("main form button")
    expect(page.locator("main")).to_contain_text(f"{SLOW}")
    page.goto("/messages/new/")
    page.fill("[name=subject]", "Новости клуба")
    page.fill("[name=body]", "Здравствуйте, {{ recipient.full_name }}!")
    page.get_by_role("button", name="Сохранить").click()
    page.get_by_role("link", name="Новая рассылка").click()
    page.get_by_role("button", name="Сохранить").click()
    expect(page.locator("#status")).to_have_text("Черновик")


def test_a_newcomer_sends_in_russian_and_a_manager_stops_it(open_page: Callable[..., Page]) -> None:
    page = open_page(locale="ru-RU")
    make_account(page, "novaya@example.com")
    make_mailing(page)
    page.get_by_role("link", name="Отправить сейчас").click()
    page.get_by_role("button", name="Отправить сейчас").click()
    expect(page.locator("#status")).to_have_text("Идёт отправка")
    page.wait_for_selector("#attempts tr")
    expect(page.locator("#attempts")).to_contain_text("Принято")

    manager = open_page()
    sign_in(manager, "manager@example.com")
    manager.goto("/mailings/?whose=everybody&status=sending")
    manager.get_by_role("link", name="Новости клуба").click()
    manager.get_by_role("button", name="Pause").click()
    expect(manager.locator("#status")).to_have_text("Paused")
    expect(page.locator("#status")).to_have_text("Приостановлена")
    expect(page.locator("#history")).to_contain_text("manager@example.com")

    manager.goto("/users/?q=novaya")
    manager.get_by_role("link", name="novaya@example.com").click()
    manager.get_by_role("button", name="Block").click()
    expect(manager.get_by_role("status")).to_contain_text("is blocked")
    page.wait_for_url("**/account/login/**", timeout=WITHIN_A_MINUTE)
    send_form(page, login="novaya@example.com", password=PASSWORD)
    page.wait_for_url("**/account/inactive/")
