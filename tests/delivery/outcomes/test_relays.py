"""What the relays say that people pay to send through: SES, SendGrid, Mailgun."""

from __future__ import annotations

import pytest

from tests.support.outcomes import meaning_of

# phase, reply, meaning
CASES = [
    ("body", "250 Ok 0102018f-0000-4000-8000-000000000000-000000", "accepted recipient"),
    ("body", "250 Great success", "accepted recipient"),
    ("connect", "421 Too many concurrent SMTP connections", "deferred connection"),
    ("data", "454 Throttling failure: Maximum sending rate exceeded.", "deferred connection"),
    ("body", "454 Throttling failure: Maximum sending rate exceeded.", "deferred connection"),
    ("body", "454 4.7.0 Throttling failure: Maximum sending rate exceeded.", "deferred connection"),
    ("body", "454 Throttling failure: Daily message quota exceeded.", "deferred connection"),
    ("login", "454 Temporary authentication failure", "deferred connection"),
    ("body", "451 Temporary service failure", "deferred recipient"),
    ("body", "451 Timeout waiting for data from client.", "deferred recipient"),
    ("login", "535 Authentication Credentials Invalid", "rejected account login_refused"),
    ("login", "535 Account not subscribed to SES", "rejected account login_refused"),
    ("mail", "530 Authentication required", "rejected account login_needed"),
    ("mail", "530 Must issue a STARTTLS command first", "rejected account encryption_needed"),
    (
        "body",
        "554 Message rejected: Email address is not verified. The following identities failed the check in region "
        "US-EAST-1: me@example.com",
        "rejected mailing sender_refused",
    ),
    ("body", "554 Message rejected: Sending paused for this account.", "rejected mailing own_limit_reached"),
    ("body", "554 Transaction failed: Address contains illegal characters in user name", "rejected recipient"),
    ("body", "552 Message is too long.", "rejected mailing too_large"),
    # SendGrid, Mailgun.
    ("mail", "550 Unauthenticated senders not allowed", "rejected account login_needed"),
    (
        "body",
        "550 The from address does not match a verified Sender Identity. Mail cannot be sent until this is resolved.",
        "rejected mailing sender_refused",
    ),
    ("login", "451 Authentication failed: Maximum credits exceeded", "deferred connection"),
    ("body", "550 Maximum credits exceeded", "rejected mailing own_limit_reached"),
    (
        "body",
        "550 5.7.1 Domain sandbox.mailgun.org is not allowed to send: Sandbox subdomains are for test purposes only.",
        "rejected mailing sender_refused",
    ),
    ("mail", "421 Domain example.com is not allowed to send: Account disabled", "deferred connection"),
    ("rcpt", "550 smtp auth required", "rejected account login_needed"),
]


@pytest.mark.parametrize(("phase", "reply", "meaning"), CASES)
def test_it_reads_a_relays_reply(phase: str, reply: str, meaning: str) -> None:
    assert meaning_of(phase, reply) == meaning
