"""What happened to a mailing, how long things take, and the engine's own words: in the reader's language."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone, translation

from mailer.addresses import REASONS
from mailer.delivery.choices import MOVES
from mailer.delivery.transitions import TRANSITIONS
from mailer.durations import duration
from mailer.history import ACTS, Happening, happening, window_text
from mailer.models import AuditEntry
from mailer.own_words import ENGINE
from mailer.phrasebook import Phrasebook
from mailer.reasons import CANNOT_BE_SENT, WINDOW_ENDED, StatusReason


def told(**fields: str) -> Happening:
    with translation.override("ru"), timezone.override(ZoneInfo("Asia/Tokyo")):
        return happening(AuditEntry(**fields))


def test_it_tells_a_change_of_status() -> None:
    line = told(action="complete", before="sending", after="completed", reason=WINDOW_ENDED, words="12345")
    assert (line.act, line.before, line.after) == ("завершена", "Идёт отправка", "Завершена")
    assert line.why == "Окно отправки закончилось, не отправлено: 12\xa0345."
    assert line.actor is None


def test_it_tells_a_window_on_the_readers_clock() -> None:
    window = window_text(datetime(2031, 1, 1, 20, tzinfo=UTC), datetime(2031, 1, 2, 9, 30, tzinfo=UTC))
    assert told(action="window", before=window, after="").before == "02.01.2031 05:00 – 02.01.2031 18:30"


@pytest.mark.parametrize("value", ["", "permitted", "2031-01-01T20:00Z/never", "99999-01-01T20:00Z/x"])
def test_it_leaves_what_it_does_not_know(value: str) -> None:
    line = told(action="frobnicate", before=value, after=value)
    assert (line.act, line.before, line.after) == ("frobnicate", value, value)


def test_it_has_a_word_for_every_act() -> None:
    assert {*TRANSITIONS, *MOVES, "window", "throttle", "block", "unblock", "allow", "lift"} == ACTS.keys()


@pytest.mark.parametrize(
    ("seconds", "english", "russian"),
    [
        (0, "0 s", "0 с"),
        (59, "59 s", "59 с"),
        (60, "1 min 0 s", "1 мин 0 с"),
        (7384, "2 h 3 min", "2 ч 3 мин"),
        (90_000, "1 d 1 h", "1 дн. 1 ч"),
    ],
)
def test_it_tells_how_long(seconds: int, english: str, russian: str) -> None:
    assert duration(seconds) == english
    with translation.override("ru"):
        assert duration(seconds) == russian


@pytest.mark.parametrize(
    ("english", "russian"),
    [
        (
            "Connection refused by mx.example.com:25 (since 10:30 UTC)",
            "mx.example.com:25 не принимает соединение (с 10:30 UTC)",
        ),
        ("The server said: 421 4.3.2 closing (soon)", "Сервер сказал: 421 4.3.2 closing (soon)"),
        ("The connection was lost", "Соединение потеряно"),
        ("No reply within 45 seconds", "Нет ответа (время ожидания, с: 45)"),
        (
            "The connection was lost (again and again for this recipient, while other mail passed)",
            "Соединение потеряно (раз за разом у этого получателя, хотя другие письма проходили)",
        ),
        ("", ""),
        ("mailbox full %(n)s %", "mailbox full %(n)s %"),
    ],
)
def test_it_tells_the_engines_own_words(english: str, russian: str) -> None:
    assert ENGINE.told(english) == english
    with translation.override("ru"):
        assert ENGINE.told(english) == russian


def test_a_sentence_is_told_whatever_its_parts_hold() -> None:
    book = Phrasebook("The server said: %(words)s")
    assert book.told("The server said: a\nb %(x)s 100 %") == "The server said: a\nb %(x)s 100 %"
    assert book.told("the server said: no") == "the server said: no"
    assert book.for_scripts() == [(r"The\ server\ said:\ (?<words>.+)", "The server said: %(words)s")]


def test_it_knows_what_the_library_says_of_addresses() -> None:
    with translation.override("ru"):
        assert REASONS.told("An email address must have an @-sign.") == "В адресе должен быть знак @."


def test_a_reason_quotes_the_engines_own_words_in_the_readers_language() -> None:
    reason = StatusReason(CANNOT_BE_SENT, "The sender's address can't be said in SMTP.")
    with translation.override("ru"):
        assert str(reason).endswith("нельзя. Адрес отправителя нельзя передать по SMTP.")


def test_a_servers_words_are_quoted_as_they_are() -> None:
    assert str(StatusReason("mailing_refused", "550 <b>")).endswith("It says: 550 <b>")
