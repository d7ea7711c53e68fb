"""The site's own mails, as a test reads them."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from django.core import mail
from django.core.mail import EmailMultiAlternatives

from core import outgoing

LINK = re.compile(r"https?://[^\s\"<]+")


def sent_mails() -> list[EmailMultiAlternatives]:
    """All that was sent in this test, once the thread that sends is done."""
    assert outgoing.flush()
    return [sent for sent in mail.outbox if isinstance(sent, EmailMultiAlternatives)]


def last_mail(address: str) -> EmailMultiAlternatives:
    return [sent for sent in sent_mails() if sent.to == [address]][-1]


def html_of(sent: EmailMultiAlternatives) -> str:
    ((content, kind),) = sent.alternatives
    assert kind == "text/html"
    return str(content)


def links_in(text: str) -> list[str]:
    return LINK.findall(text)


def path_in(sent: EmailMultiAlternatives, beginning: str) -> str:
    """The path of the mail's link that begins so."""
    paths = [urlsplit(link).path for link in links_in(str(sent.body))]
    return next(path for path in paths if path.startswith(beginning))
