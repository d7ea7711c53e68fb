"""One mailing, and all that people and the clock may do to it, at any time."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.test import Client
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from core.clock import db_now, shifted
from core.models import User
from mailer.consent import lift
from mailer.delivery.choices import MOVES, last_decision
from mailer.delivery.schedule import run_schedule
from mailer.delivery.transitions import PERSONS_ACTIONS, TransitionRefused, change_status
from mailer.forms.times import FORMAT
from mailer.models import Delivery, Mailing, Message, Suppression
from mailer.signing import unsubscribe_token
from tests.support.choices import choose
from tests.support.mailings import make_crowd, make_mailing
from tests.support.suppressions import suppress_for

PEOPLE = 4
RARELY = st.sampled_from([False, False, False, False, True])
MOSTLY = st.sampled_from([True, True, True, False])


class PeopleMachine(RuleBasedStateMachine):
    """The mailing is the only user's. What an example did is rolled back after it."""

    def __init__(self) -> None:
        super().__init__()
        self.stack = ExitStack()
        self.stack.enter_context(transaction.atomic())
        self.stack.callback(transaction.set_rollback, True)
        self.owner = User.objects.get()
        self.page = Client()
        self.page.force_login(self.owner)
        make_crowd(self.owner, PEOPLE)
        self.mailing = make_mailing(self.owner)
        self.launched_to: set[str] = set()
        self.launched_as = ""
        self.seen = 0  # on the mailing's page

    def teardown(self) -> None:
        self.stack.close()

    def exists(self) -> bool:
        return Mailing.objects.filter(pk=self.mailing.pk).exists()

    def is_launched(self) -> bool:
        return Mailing.objects.filter(pk=self.mailing.pk, launched_at__isnull=False).exists()

    @initialize(action=st.sampled_from(["start", "start", "start", "start", "schedule", "cancel"]))
    def begin(self, action: str) -> None:
        """Most begin with what most people do; to cancel a draft is refused."""
        self.act(action, False, True)

    @precondition(exists)
    @rule(action=st.sampled_from([*PERSONS_ACTIONS, "resume", "resume"]), new_end=st.booleans(), really=RARELY)
    def act(self, action: str, new_end: bool, really: bool) -> None:
        if action == "cancel" and not really:
            return
        ends_at = db_now() + timedelta(hours=1) if new_end and action == "start" else None
        self.refusable(lambda: change_status(self.mailing.pk, action, self.owner, ends_at=ends_at))

    def possible_choices(self) -> list[str]:
        states = set(Delivery.objects.values_list("state", flat=True))
        return sorted(choice for choice, move in MOVES.items() if move.source in states)

    @precondition(lambda self: bool(self.possible_choices()))
    @rule(
        data=st.data(),
        nth=st.none() | st.integers(0, PEOPLE - 1),
        new_end=MOSTLY,
        looks_first=MOSTLY,
    )
    def choose(self, data: st.DataObject, nth: int | None, new_end: bool, looks_first: bool) -> None:
        choice = data.draw(st.sampled_from(self.possible_choices()))
        if looks_first:
            self.look_at_the_page()
        among = {} if nth is None else {"email": f"r{nth}@example.com"}
        ends_at = db_now() + timedelta(hours=1) if new_end else None
        self.refusable(lambda: choose(self.mailing, choice, self.owner, seen=self.seen, ends_at=ends_at, **among))

    def look_at_the_page(self) -> None:
        self.seen = last_decision(self.mailing.pk)
        assert self.page.get(f"/mailings/{self.mailing.pk}/").status_code == 200

    @precondition(lambda self: self.exists() and not self.is_launched())
    @rule(hours=st.integers(1, 5))
    def edit(self, hours: int) -> None:
        window = {"starts_at": db_now(), "ends_at": db_now() + timedelta(hours=hours)}
        form = {"message": self.mailing.message_id, "audience": "everyone"}
        form |= {name: moment.strftime(FORMAT) for name, moment in window.items()}
        is_cancelled = Mailing.objects.filter(pk=self.mailing.pk, status=Mailing.Status.CANCELLED).exists()
        answer = self.page.post(f"/mailings/{self.mailing.pk}/edit/", form).status_code
        assert answer == 409 if is_cancelled else answer in (200, 302)

    @precondition(exists)
    @rule(really=RARELY)
    def delete(self, really: bool) -> None:
        path, launched = f"/mailings/{self.mailing.pk}/delete/", self.is_launched()
        response = self.page.post(path) if really else self.page.get(path)
        assert response.status_code == (200 if not really else 409 if launched else 302)
        assert self.exists() == (launched or not really)

    @rule(subject=st.sampled_from(["Edited", "Edited again"]))
    def edit_the_message(self, subject: str) -> None:
        form = {"subject": subject, "body": "Edited"}
        assert self.page.post(f"/messages/{self.mailing.message_id}/edit/", form).status_code == 302

    @rule(nth=st.integers(0, PEOPLE - 1))
    def delete_a_recipient(self, nth: int) -> None:
        recipient = self.owner.recipients.filter(email=f"r{nth}@example.com").first()
        if recipient:
            assert self.page.post(f"/recipients/{recipient.pk}/delete/").status_code == 302

    @rule(nth=st.integers(0, PEOPLE - 1), by=st.sampled_from(["owner", "site", "both"]))
    def suppress(self, nth: int, by: str) -> None:
        for owner in (self.owner, None):
            if by in ("both", "owner" if owner else "site"):
                suppress_for(owner, f"r{nth}@example.com")

    @precondition(lambda self: self.is_launched())
    @rule(nth=st.integers(0, PEOPLE - 1))
    def unsubscribe(self, nth: int) -> None:
        """By the link in the mail; once more, and it is undone."""
        delivery = Delivery.objects.filter(email=f"r{nth}@example.com").first()
        if delivery:
            link = f"/u/{unsubscribe_token(delivery.pk)}/"
            act = "undo" if "You are unsubscribed" in self.page.get(link).content.decode() else "unsubscribe"
            assert self.page.post(link, {"act": act}).status_code == 200
            waiting = Delivery.objects.filter(pk=delivery.pk, state__in=Delivery.WAITING)
            assert act == "undo" or not waiting.exists()

    @rule(nth=st.integers(0, PEOPLE - 1))
    def lift(self, nth: int) -> None:
        for suppression in Suppression.objects.filter(address_key=f"r{nth}@example.com", lifted_at=None):
            lift(suppression.pk, self.owner, "asked for it")

    def refusable(self, act: Callable[[], Any]) -> None:
        """What may be refused, in words; then nothing has changed."""
        before = self.snapshot()
        addresses = set(self.owner.recipients.values_list("email", flat=True))
        subject = Message.objects.get(pk=self.mailing.message_id).subject
        was_launched = self.is_launched()
        try:
            act()
        except TransitionRefused:
            assert self.snapshot() == before
        if not was_launched and self.is_launched():
            self.launched_to, self.launched_as = addresses, subject

    def snapshot(self) -> list[Any]:
        return [*Mailing.objects.values_list(), *Delivery.objects.order_by("pk").values_list()]

    @rule(minutes=st.sampled_from([0, 1, 7, 7, 7, 70]), ticks=MOSTLY)
    def time_passes(self, minutes: int, ticks: bool) -> None:
        self.stack.enter_context(shifted(timedelta(minutes=minutes)))
        if ticks and self.exists():
            self.refusable(run_schedule)
