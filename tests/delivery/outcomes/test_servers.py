"""What Postfix, Exim, Sendmail and qmail say."""

from __future__ import annotations

import pytest

from tests.support.outcomes import meaning_of

# phase, reply, meaning
POSTFIX = [
    ("body", "250 2.0.0 Ok: queued as 4XYZ1234", "accepted recipient"),
    ("connect", "421 4.3.2 All server ports are busy", "deferred connection"),
    (
        "connect",
        "521 5.7.1 Service unavailable; client [192.0.2.1] blocked using zen.spamhaus.org",
        "deferred connection",
    ),
    ("mail", "450 4.7.1 Error: too much mail from 192.0.2.1", "deferred connection"),
    ("rcpt", "450 4.7.1 Error: too many recipients from 192.0.2.1", "deferred connection"),
    ("mail", "452 4.3.1 Insufficient system storage", "deferred connection"),
    ("rcpt", "421 4.4.2 mail.example.com Error: timeout exceeded", "deferred connection"),
    ("rcpt", "421 4.7.0 mail.example.com Error: too many errors", "deferred connection"),
    ("rcpt", "450 4.7.25 Client host rejected: cannot find your hostname, [192.0.2.1]", "deferred connection"),
    ("rcpt", "450 4.7.1 <web1>: Helo command rejected: Host not found", "deferred connection"),
    ("rcpt", "450 4.1.8 <me@example.com>: Sender address rejected: Domain not found", "deferred connection"),
    ("rcpt", "454 4.7.0 TLS not available due to local problem", "deferred connection"),
    ("rcpt", "450 4.2.0 <ann@example.com>: Recipient address rejected: Greylisted", "deferred recipient"),
    (
        "rcpt",
        "450 4.7.1 <unknown[192.0.2.1]>: Client host rejected: Greylisted, try again in 300 seconds",
        "deferred recipient",
    ),
    ("rcpt", "450 4.1.1 <ann@example.com>: Recipient address rejected: unverified address", "deferred recipient"),
    ("rcpt", "451 4.3.0 <ann@example.com>: Temporary lookup failure", "deferred recipient"),
    ("rcpt", "450 4.1.2 <ann@example.org>: Recipient address rejected: Domain not found", "deferred recipient"),
    ("body", "451 4.7.1 Service unavailable - try again later", "deferred recipient"),
    ("rcpt", "454 4.7.1 <ann@example.org>: Relay access denied", "rejected mailing relay_denied"),
    ("rcpt", "554 5.7.1 <ann@example.org>: Relay access denied", "rejected mailing relay_denied"),
    ("rcpt", "553 5.7.1 <me@example.com>: Sender address rejected: not logged in", "rejected mailing sender_refused"),
    (
        "rcpt",
        "550 5.1.8 <me@example.com>: Sender address rejected: Domain not found",
        "rejected mailing sender_refused",
    ),
    (
        "rcpt",
        "550 5.7.23 <ann@example.com>: Recipient address rejected: SPF fail - not authorized",
        "rejected mailing spf_failed",
    ),
    ("rcpt", "554 5.7.1 <unknown[192.0.2.1]>: Client host rejected: Access denied", "rejected mailing host_refused"),
    ("rcpt", "504 5.5.2 <web1>: Helo command rejected: need fully-qualified hostname", "rejected mailing host_refused"),
    (
        "rcpt",
        "554 5.7.1 Service unavailable; Client host [192.0.2.1] blocked using zen.spamhaus.org; "
        "https://www.spamhaus.org/query/ip/192.0.2.1",
        "rejected mailing blocked",
    ),
    (
        "rcpt",
        "554 5.7.1 Service unavailable; Client host [192.0.2.1] blocked using zen.spamhaus.org; Error: open resolver",
        "rejected mailing blocked",
    ),
    ("mail", "552 5.3.4 Message size exceeds fixed limit", "rejected mailing too_large"),
    (
        "rcpt",
        "550 5.1.1 <ann@example.com>: Recipient address rejected: User unknown in virtual mailbox table",
        "rejected recipient gone",
    ),
    ("rcpt", "550 5.1.1 <relay@spam.example>: Recipient address rejected: User unknown", "rejected recipient gone"),
    (
        "rcpt",
        "550 5.1.2 <ann@nowhere.example>: Recipient address rejected: Domain not found",
        "rejected recipient gone",
    ),
    (
        "rcpt",
        "556 5.1.10 <ann@example.org>: Recipient address rejected: Domain does not accept mail (nullMX)",
        "rejected recipient gone",
    ),
    ("rcpt", "501 5.1.3 Bad recipient address syntax", "rejected recipient gone"),
    ("rcpt", "554 5.7.1 <ann@example.com>: Recipient address rejected: Access denied", "rejected recipient"),
    ("data", "554 5.5.1 Error: no valid recipients", "rejected recipient"),
    ("body", "550 5.7.1 id=12345-01 - Rejected by next-hop MTA on relaying: spam", "rejected recipient"),
    ("body", "554 5.7.1 Spam message rejected", "rejected recipient"),
    ("mail", "503 5.5.1 Error: nested MAIL command", "deferred connection"),
    ("data", "503 5.5.1 Error: need RCPT command", "deferred connection"),
    ("mail", "530 5.7.0 Must issue a STARTTLS command first", "rejected account encryption_needed"),
    (
        "login",
        "538 5.7.11 Encryption required for requested authentication mechanism",
        "rejected account encryption_needed",
    ),
    ("login", "535 5.7.8 Error: authentication failed: UGFzc3dvcmQ6", "rejected account login_refused"),
]
EXIM = [
    ("body", "250 OK id=1tabcd-000000-1A", "accepted recipient"),
    ("connect", "554 mail.example.com Connection rejected for policy reason.", "deferred connection"),
    ("hello", "550 Access denied - Invalid HELO name (See RFC2821 4.1.1.1)", "deferred connection"),
    ("rcpt", "451 Could not complete sender verify callout", "deferred connection"),
    ("rcpt", "451 Temporary local problem - please try later", "deferred recipient"),
    ("rcpt", "451 greylisted, please try again in 180 seconds", "deferred recipient"),
    ("rcpt", "550 relay not permitted", "rejected mailing relay_denied"),
    (
        "rcpt",
        "550-Verification failed for <me@example.com>\n550-No Such User Here\n550 Sender verify failed",
        "rejected mailing sender_refused",
    ),
    ("rcpt", "550 authentication required", "rejected account login_needed"),
    ("rcpt", "550-host 192.0.2.1 is listed in\n550 b.barracudacentral.org", "rejected mailing blocked"),
    ("rcpt", "550 5.7.25 No PTR record for 192.0.2.1", "rejected mailing reverse_dns_missing"),
    ("rcpt", "550 Unrouteable address", "rejected recipient gone"),
    ("rcpt", "550 No such user here", "rejected recipient gone"),
    ("rcpt", "550 unknown user", "rejected recipient gone"),
    ("body", "552 Message size exceeds maximum permitted", "rejected mailing too_large"),
    ("body", "550 This message was classified as SPAM and may not be delivered", "rejected recipient"),
    ("body", "550 Administrative prohibition", "rejected recipient"),
    ("body", "552 message rejected by anti-spam engine", "rejected recipient"),
]
SENDMAIL_AND_QMAIL = [
    ("rcpt", "550 5.1.1 <ann@example.com>... User unknown", "rejected recipient gone"),
    ("rcpt", "550 <ann@example.com>... User unknown", "rejected recipient gone"),
    (
        "rcpt",
        "550 5.7.1 <ann@example.org>... Relaying denied. Proper authentication required.",
        "rejected account login_needed",
    ),
    ("rcpt", "550 5.7.1 <ann@example.org>... Relaying denied", "rejected mailing relay_denied"),
    (
        "mail",
        "553 5.1.8 <me@example.com>... Domain of sender address me@example.com does not exist",
        "rejected mailing sender_refused",
    ),
    ("mail", "451 4.1.8 Domain of sender address me@example.com does not resolve", "deferred connection"),
    ("mail", "550 5.7.1 Access denied", "rejected mailing mailing_refused"),
    ("mail", "553 sorry, your envelope sender domain must exist (#5.7.1)", "rejected mailing sender_refused"),
    ("rcpt", "553 sorry, that domain isn't in my list of allowed rcpthosts (#5.7.1)", "rejected mailing relay_denied"),
    ("rcpt", "550 sorry, no mailbox here by that name (#5.1.1)", "rejected recipient gone"),
    ("rcpt", "551 User not local; please try <ann@example.org>", "rejected recipient"),
    ("rcpt", "553 5.1.3 <ann@@example.com>... Invalid route address", "rejected recipient gone"),
    ("rcpt", "525 5.7.13 User account disabled", "rejected recipient gone"),
    ("rcpt", "552 Requested mail action aborted: exceeded storage allocation", "deferred recipient"),
    ("rcpt", "550 5.1.1 The mail was refused: it is spam", "rejected recipient"),
    ("rcpt", "250 Ok", "deferred connection"),
    ("data", "250 Ok", "deferred connection"),
    ("body", "251 User not local; will forward to <ann@example.org>", "accepted recipient"),
    ("body", "252 Cannot VRFY user, but will accept message and attempt delivery", "accepted recipient"),
    ("body", "354 Go ahead", "uncertain recipient"),
    ("body", "334 UGFzc3dvcmQ6", "uncertain recipient"),
    ("body", "421 4.3.2 Service shutting down", "deferred connection"),
    ("body", "503 5.5.1 Bad sequence of commands", "deferred connection"),
    ("body", "599 5.9.9 Nobody knows", "rejected recipient"),
    ("body", "499 Nobody knows", "deferred recipient"),
]


@pytest.mark.parametrize(("phase", "reply", "meaning"), [*POSTFIX, *EXIM, *SENDMAIL_AND_QMAIL])
def test_it_reads_a_servers_reply(phase: str, reply: str, meaning: str) -> None:
    assert meaning_of(phase, reply) == meaning
