"""What Outlook.com, Microsoft 365 and Exchange say."""

from __future__ import annotations

import pytest

from tests.support.outcomes import meaning_of

# phase, reply, meaning
CASES = [
    ("body", "250 2.6.0 <a@example.com> [InternalId=1] Queued mail for delivery", "accepted recipient"),
    (
        "connect",
        "421 4.3.2 The maximum number of concurrent connections per resource forest has exceeded a limit",
        "deferred connection",
    ),
    ("mail", "451 4.7.500 Server busy. Please try again later from [192.0.2.1]. (AS77712344)", "deferred connection"),
    (
        "mail",
        "451 4.7.650 The mail server [192.0.2.1] has been temporarily rate limited due to IP reputation. (S775)",
        "deferred connection",
    ),
    ("rcpt", "451 4.7.650 The mail server [192.0.2.1] has been temporarily rate limited.", "deferred connection"),
    ("rcpt", "450 4.7.851 Access denied, please try again later", "deferred connection"),
    ("rcpt", "450 4.7.26 Access denied, a message sent over IPv6 must pass either SPF or DKIM", "deferred connection"),
    ("rcpt", "451 4.7.0 Temporary server error. Please try again later. PRX4", "deferred recipient"),
    ("body", "432 4.3.2 STOREDRV.Deliver; recipient thread limit exceeded", "deferred recipient"),
    ("rcpt", "451 4.4.62 Mail sent to the wrong Office 365 region. ATTR35.", "deferred recipient"),
    # The account.
    (
        "login",
        "535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Tenant.",
        "rejected account login_refused",
    ),
    ("login", "535 5.7.3 Authentication unsuccessful", "rejected account login_refused"),
    (
        "mail",
        "530 5.7.57 SMTP; Client was not authenticated to send anonymous mail during MAIL FROM",
        "rejected account login_needed",
    ),
    # The mailing: our address, domain, sender, limit.
    (
        "mail",
        "550 5.7.1 Unfortunately, messages from [192.0.2.1] weren't sent. Please contact your Internet service "
        "provider since part of their network is on our block list (S3140).",
        "rejected mailing blocked",
    ),
    (
        "body",
        "550 5.7.1 Unfortunately, messages from [192.0.2.1] weren't sent. Please contact your Internet service "
        "provider since part of their network is on our block list (S3150).",
        "rejected mailing blocked",
    ),
    (
        "mail",
        "550 SC-001 (BAY004-MC4F27) Unfortunately, messages from 192.0.2.1 weren't sent.",
        "rejected mailing blocked",
    ),
    ("rcpt", "550 5.7.606 Access denied, banned sending IP [192.0.2.1].", "rejected mailing blocked"),
    ("rcpt", "550 5.7.649 Access denied, banned sending IP [192.0.2.1].", "rejected mailing blocked"),
    ("rcpt", "550 5.7.511 Access denied, banned sender[192.0.2.1].", "rejected mailing sender_refused"),
    (
        "body",
        "550 5.7.708 Service unavailable. Access denied, traffic not accepted from this IP.",
        "rejected mailing blocked",
    ),
    ("body", "550 5.7.501 Service unavailable. Access denied, spam abuse detected.", "rejected mailing blocked"),
    (
        "rcpt",
        "550 5.7.1 Service unavailable, Client host [192.0.2.1] blocked using Spamhaus.",
        "rejected mailing blocked",
    ),
    ("rcpt", "550 5.7.1 Service unavailable, Helo domain is listed in Spamhaus. (S8001)", "rejected mailing blocked"),
    (
        "body",
        "550 5.7.515 Access denied, sending domain EXAMPLE.COM doesn't meet the required authentication level. "
        "Spf= Fail , Dkim= Pass , DMARC= Pass",
        "rejected mailing authentication_missing",
    ),
    (
        "body",
        "550 5.7.509 Access denied, sending domain example.com does not pass DMARC verification",
        "rejected mailing dmarc_failed",
    ),
    (
        "body",
        "550 5.7.23 The message was rejected because of Sender Policy Framework violation",
        "rejected mailing spf_failed",
    ),
    (
        "rcpt",
        "550 5.7.25 Access denied, the sending IPv6 address [2001:db8::1] must have a reverse DNS record",
        "rejected mailing reverse_dns_missing",
    ),
    ("rcpt", "550 5.7.506 Access Denied, Bad HELO", "rejected mailing host_refused"),
    (
        "body",
        "554 5.2.252 SendAsDenied; me@example.com not allowed to send as you@example.com",
        "rejected mailing sender_refused",
    ),
    (
        "body",
        "550 5.7.60 SMTP; Client does not have permissions to send as this sender",
        "rejected mailing sender_refused",
    ),
    (
        "body",
        "550 5.1.90 Your message can't be sent because you've reached your daily limit for message recipients",
        "rejected mailing own_limit_reached",
    ),
    ("body", "550 5.7.705 Access denied, tenant has exceeded threshold", "rejected mailing own_limit_reached"),
    ("rcpt", "550 5.7.64 TenantAttribution; Relay Access Denied", "rejected mailing relay_denied"),
    ("body", "550 5.3.4 Requested action not taken; message too big", "rejected mailing too_large"),
    # The recipient.
    ("rcpt", "550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found", "rejected recipient gone"),
    ("rcpt", "550 5.1.1 RESOLVER.ADR.RecipNotFound; not found", "rejected recipient gone"),
    ("rcpt", "550 5.4.1 <ann@example.com>: Recipient address rejected: Access denied.", "rejected recipient"),
    ("rcpt", "550 5.5.0 Requested action not taken: mailbox unavailable", "rejected recipient"),
    ("body", "554 5.2.2 STOREDRV.Deliver.Exception:QuotaExceededException; mailbox full", "deferred recipient"),
    ("body", "550 5.2.3 RESOLVER.RST.RecipSizeLimit; message too large for this recipient", "rejected recipient"),
    ("body", "550 5.7.133 RESOLVER.RST.SenderNotAuthenticatedForGroup; authentication required", "rejected recipient"),
    ("rcpt", "550 5.7.507 Access denied, rejected by recipient", "rejected recipient"),
    (
        "rcpt",
        "550 5.7.513 Service unavailable, Client host [192.0.2.1] blocked by example.org using Customer Block list",
        "rejected recipient",
    ),
    ("body", "550 5.7.520 Message blocked because it contains content identified as spam.", "rejected recipient"),
    ("body", "550 5.6.11 Invalid characters (bare line feed)", "rejected recipient"),
]


@pytest.mark.parametrize(("phase", "reply", "meaning"), CASES)
def test_it_reads_a_reply_of_microsofts(phase: str, reply: str, meaning: str) -> None:
    assert meaning_of(phase, reply) == meaning
