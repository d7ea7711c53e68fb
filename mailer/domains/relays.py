"""What the large mail providers ask to have in the SPF record of a domain that sends through them."""

from __future__ import annotations

# The end of the SMTP server's name → the domain to include.
INCLUDES = {
    "amazonaws.com": "amazonses.com",
    "brevo.com": "spf.brevo.com",
    "elasticemail.com": "_spf.elasticemail.com",
    "gmail.com": "_spf.google.com",
    "google.com": "_spf.google.com",
    "mail.ru": "_spf.mail.ru",
    "mailgun.org": "mailgun.org",
    "mailjet.com": "spf.mailjet.com",
    "mandrillapp.com": "spf.mandrillapp.com",
    "messagingengine.com": "spf.messagingengine.com",
    "office365.com": "spf.protection.outlook.com",
    "outlook.com": "spf.protection.outlook.com",
    "postmarkapp.com": "spf.mtasv.net",
    "sendgrid.net": "sendgrid.net",
    "yandex.net": "_spf.yandex.net",
    "yandex.ru": "_spf.yandex.net",
    "zoho.com": "zoho.com",
    "zoho.eu": "zoho.eu",
}


def include_for(host: str) -> str | None:
    """The domain to include for mail through this SMTP server, where its provider is known."""
    return next((include for end, include in INCLUDES.items() if host == end or host.endswith(f".{end}")), None)
