"""Why a mailing stopped, or what was chosen: stored as a word and what it quotes, told in its reader's language."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

LOGIN_REFUSED = "login_refused"
MAILING_REFUSED = "mailing_refused"
OWNER_BLOCKED = "owner_blocked"
WINDOW_ENDED = "window_ended"
CHOSEN_ONE = "chosen_one"
CHOSEN_MANY = "chosen_many"

SENTENCES = {
    LOGIN_REFUSED: gettext_noop(
        "The mail server refuses our login. Check the user and the password. It says: %(words)s"
    ),
    MAILING_REFUSED: gettext_noop("The mail server refuses this mailing as a whole. It says: %(words)s"),
    OWNER_BLOCKED: gettext_noop("Its owner has been blocked."),
    WINDOW_ENDED: gettext_noop("The window ended with %(words)s not sent."),
    CHOSEN_ONE: gettext_noop("The delivery to %(words)s."),
    CHOSEN_MANY: gettext_noop("Deliveries: %(words)s."),
}


@dataclass(frozen=True)
class StatusReason:
    """One of the codes above, or "" for none, and the words that its sentence quotes."""

    code: str = ""
    words: str = ""

    def __str__(self) -> str:
        sentence = SENTENCES.get(self.code)
        words = number_format(self.words, force_grouping=True) if self.words.isdecimal() else self.words
        return _(sentence) % {"words": words} if sentence else words


NO_REASON = StatusReason()
