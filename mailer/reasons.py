"""Why a mailing stopped: stored as a word and what it quotes, told as a sentence in its reader's language."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

LOGIN_REFUSED = "login_refused"
MAILING_REFUSED = "mailing_refused"
OWNER_BLOCKED = "owner_blocked"
RESTORED = "restored"
OTHER_DATABASE = "other_database"
WINDOW_ENDED = "window_ended"

SENTENCES = {
    LOGIN_REFUSED: gettext_noop(
        "The mail server refuses our login. Check the user and the password. It says: %(words)s"
    ),
    MAILING_REFUSED: gettext_noop("The mail server refuses this mailing as a whole. It says: %(words)s"),
    OWNER_BLOCKED: gettext_noop("Its owner has been blocked."),
    RESTORED: gettext_noop(
        "The database is an older copy of itself, as after a backup was restored: it may not know of mail that has "
        "gone out since. Compare with your mail server’s log. Then go on with this mailing, or cancel it."
    ),
    OTHER_DATABASE: gettext_noop(
        "The sender’s folder belongs to another database. Make sure that this one is the right one. Then go on with "
        "this mailing, or cancel it."
    ),
    WINDOW_ENDED: gettext_noop("The window ended with %(words)s not sent."),
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
