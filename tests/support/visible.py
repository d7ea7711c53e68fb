"""What a page shows in Latin letters that is neither data nor a name."""

from __future__ import annotations

import re
from html.parser import HTMLParser

NAMES = re.compile(
    r"Mailing Service|\b(English|CSV|Markdown|UTF|HTML|SMTP|UTC|IP|TLS|ASCII|cookie)\b"
    r"|\b(Message|Content)-ID\b|\bAna Novák\b|\[Test\]|\bCAN-SPAM\b"
    r"|\b(DNS|SPF|DKIM|DMARC|MX|PTR|TXT|selector\._domainkey|_dmarc)\b"
    r"|\b(Gmail|Yahoo|Outlook|https|p=none|DKIM_KEY_FILE|SITE_URL)\b"
    r"|\bmanage\.py (make_dkim_key|check_domain --ip ADDRESS)\b"
    r"|\b(EMAIL_\w+|DEFAULT_FROM_EMAIL)\b(=True)?"
    r"|\bemail, full_name, comment\b|\bemail,full_name,comment\b|\brecipient\.\w+|default: \"friend\""
    r"|\bmailing\.subject\b|\bunsubscribe_url\b"
    r"|make run|python manage\.py send_mailings --watch"
)
ADDRESS = re.compile(r"[\w.+•-]+@[\w.-]+")
ZONE = re.compile(r"\b[A-Z]\w+/[\w/-]+\b")
WORD = re.compile(r"[A-Za-z_]{2,}")
SHOWN_ATTRIBUTES = ("title", "placeholder", "aria-label", "alt", "data-label")
UNSEEN = ("script", "style", "optgroup")


class Seen(HTMLParser):
    """Texts and some attributes, but for scripts and the places in the list of time zones."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.texts: list[str] = []
        self._unseen = 0
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._unseen += tag in UNSEEN
        self.texts += [value or "" for name, value in attrs if name in SHOWN_ATTRIBUTES]

    def handle_endtag(self, tag: str) -> None:
        self._unseen -= tag in UNSEEN

    def handle_data(self, data: str) -> None:
        if not self._unseen:
            self.texts.append(data)


def latin_words(text: str) -> set[str]:
    for data in (NAMES, ADDRESS, ZONE):
        text = data.sub("", text)
    return set(WORD.findall(text))


def latin_words_of(page: str) -> set[str]:
    return latin_words("\n".join(Seen(page).texts))
