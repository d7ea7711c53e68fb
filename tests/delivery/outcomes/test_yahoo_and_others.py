"""What Yahoo, iCloud, AT&T, Yandex, Mail.ru, Rackspace and Barracuda say."""

from __future__ import annotations

import pytest

from tests.support.outcomes import meaning_of

# phase, reply, meaning
CASES = [
    # Yahoo and AOL.
    (
        "mail",
        "421 4.7.0 [TSS04] Messages from 192.0.2.1 temporarily deferred due to unexpected volume or user complaints",
        "deferred connection",
    ),
    ("connect", "421 Max message per connection reached, closing transmission channel", "deferred connection"),
    (
        "connect",
        "553 5.7.1 [BL21] Connections will not be accepted from 192.0.2.1, because the ip is in Spamhaus's list",
        "deferred connection",
    ),
    (
        "mail",
        "553 5.7.1 [BL21] Connections will not be accepted from 192.0.2.1, because the ip is in Spamhaus's list",
        "rejected mailing blocked",
    ),
    (
        "rcpt",
        "553 5.7.1 [BL23] Connections not accepted from IP addresses on Spamhaus XBL",
        "rejected mailing blocked",
    ),
    (
        "mail",
        "553 5.7.2 [TSS09] All messages from 192.0.2.1 will be permanently deferred; Retrying will NOT succeed.",
        "rejected mailing blocked",
    ),
    (
        "body",
        "550 5.7.9 This mail has been blocked because the sender is unauthenticated. Yahoo requires all senders to "
        "authenticate with either SPF or DKIM.",
        "rejected mailing authentication_missing",
    ),
    ("body", "554 5.7.9 Message not accepted for policy reasons.", "rejected recipient"),
    ("body", "554 Message not allowed - [PH01] Email not accepted for policy reasons.", "rejected recipient"),
    ("rcpt", "450 User is receiving mail too quickly", "deferred recipient"),
    ("rcpt", "452 temporary domain failure <ann@example.com>", "deferred recipient"),
    (
        "rcpt",
        "554 delivery error: dd This user doesn't have a yahoo.com account (ann@yahoo.com)",
        "rejected recipient gone",
    ),
    ("rcpt", "554 delivery error: dd ann@yahoo.com is no longer valid.", "rejected recipient gone"),
    ("body", "552 1 Requested mail action aborted, mailbox not found", "rejected recipient gone"),
    (
        "body",
        "554 30 Sorry, your message to ann@aol.jp cannot be delivered. This mailbox is disabled (554.30)",
        "rejected recipient gone",
    ),
    # iCloud.
    (
        "rcpt",
        "421 4.7.1 Messages to ann@icloud.com deferred due to excessive volume. Try again later",
        "deferred connection",
    ),
    ("rcpt", "450 4.1.8 <me@example.com>: Sender address rejected: Domain not found", "deferred connection"),
    ("rcpt", "550 5.1.6 recipient no longer on server: ann@icloud.com", "rejected recipient gone"),
    ("rcpt", "550 5.1.1 <ann@icloud.com>: inactive email address", "rejected recipient gone"),
    ("rcpt", "552 5.2.2 <ann@icloud.com>: user is over quota", "deferred recipient"),
    ("body", "550 5.7.1 [CS01] Message rejected due to local policy.", "rejected recipient"),
    ("body", "554 5.7.1 Your message was rejected due to example.com's DMARC policy.", "rejected mailing dmarc_failed"),
    (
        "body",
        "554 5.7.1 [HME1] This message was blocked for failing both SPF and DKIM authentication checks.",
        "rejected mailing authentication_missing",
    ),
    (
        "rcpt",
        "550 5.7.0 Blocked - see https://support.proofpoint.com/dnsbl-lookup.cgi?ip=192.0.2.1",
        "rejected mailing blocked",
    ),
    (
        "body",
        "550 5.7.1 Your email was rejected due to having a domain present in the Spamhaus DBL",
        "rejected mailing blocked",
    ),
    ("connect", "554 p00-smtpin001.me.com ESMTP not accepting connections", "deferred connection"),
    # AT&T.
    (
        "rcpt",
        "550 5.7.1 Connections not accepted from servers without a valid sender domain. Fix reverse DNS for 192.0.2.1",
        "rejected mailing reverse_dns_missing",
    ),
    ("rcpt", "550 5.2.1 <ann@prodigy.net>... Addressee unknown, relay=[192.0.2.1]", "rejected recipient gone"),
    # Yandex, Mail.ru.
    ("body", "554 5.7.1 [1] Message rejected under suspicion of SPAM", "rejected recipient"),
    ("rcpt", "554 5.7.1 Service unavailable; Client host [192.0.2.1] blocked using Yandex", "rejected mailing blocked"),
    ("body", "550 spam message rejected. Please visit http://help.mail.ru/notspam-support", "rejected recipient"),
    ("rcpt", "451 4.7.1 Sorry, the service is currently unavailable. Please come back later.", "deferred recipient"),
    # Rackspace, Barracuda.
    ("rcpt", "450 4.7.1 Client host 192.0.2.1 has no PTR record (G1F)", "deferred connection"),
    ("rcpt", "451 4.7.1 Received too many messages from a new or untrusted IP (G28)", "deferred connection"),
    (
        "rcpt",
        "450 4.2.1 <ann@example.com>: Mailbox received too much email in a short period of time",
        "deferred recipient",
    ),
    (
        "rcpt",
        "550 cuda_nsu 5.1.1 <ann@example.com> Recipient address rejected: User unknown",
        "rejected recipient gone",
    ),
    ("rcpt", "550 No such user (ann@example.com)", "rejected recipient gone"),
    ("body", "550 rejecting spoofed message", "rejected recipient"),
    ("body", "550 Blocked", "rejected recipient"),
]


@pytest.mark.parametrize(("phase", "reply", "meaning"), CASES)
def test_it_reads_a_providers_reply(phase: str, reply: str, meaning: str) -> None:
    assert meaning_of(phase, reply) == meaning
