"""What Gmail and Google Workspace's relay say, as mail server or through one that asks them at once."""

from __future__ import annotations

import pytest

from tests.support.outcomes import meaning_of

# phase, reply, meaning
CASES = [
    ("body", "250 2.0.0 OK  1700000000 a640c23a62f3a-aac0eff19desi1759812166b.313 - gsmtp", "accepted recipient"),
    # The connection.
    ("connect", "421 4.7.0 Try again later, closing connection.", "deferred connection"),
    ("hello", "421 4.7.0 IP not in whitelist for RCPT domain, closing connection.", "deferred connection"),
    ("hello", "501 5.5.4 HELO/EHLO argument is invalid.", "deferred connection"),
    ("mail", "421 4.4.5 Server busy, try again later.", "deferred connection"),
    ("rcpt", "421 4.7.0 TLS required for RCPT domain, closing connection.", "deferred connection"),
    ("data", "421 4.3.0 Temporary System Problem.  Try again later.", "deferred connection"),
    (
        "body",
        "421-4.7.28 Gmail has detected an unusual rate of unsolicited mail originating\n"
        "421-4.7.28 from your IP address [192.0.2.1]. To protect our users from spam, mail\n"
        "421 4.7.28 sent from your IP address has been temporarily rate limited.",
        "deferred connection",
    ),
    (
        "body",
        "421-4.7.26 This mail has been rate limited because it is unauthenticated. Gmail\n"
        "421 4.7.26 requires all senders to authenticate with either SPF or DKIM.",
        "deferred connection",
    ),
    (
        "body",
        "451-4.7.24 The SPF record of the sending domain has one or more suspicious\n"
        "451 4.7.24 entries. Mail sent from your IP address has been temporarily rate limited.",
        "deferred connection",
    ),
    ("rcpt", "450 4.2.1 Peak SMTP relay limit exceeded for customer.", "deferred connection"),
    ("rcpt", "452 4.5.3 Your message has too many recipients.", "deferred connection"),
    # The account.
    ("login", "454 4.7.0 Too many login attempts, please try again later.", "deferred connection"),
    ("login", "454 4.7.0 Cannot authenticate due to a temporary system problem.", "deferred connection"),
    ("login", "535 5.7.8 Username and Password not accepted.", "rejected account login_refused"),
    ("login", "534 5.7.9 Application-specific password required.", "rejected account login_refused"),
    ("login", "504 5.7.4 XOAUTH is no longer supported.", "rejected account login_refused"),
    ("mail", "530 5.7.0 Authentication Required.", "rejected account login_needed"),
    ("mail", "530 5.7.0 Must issue a STARTTLS command first.", "rejected account encryption_needed"),
    # The mailing: authentication, address, limits.
    (
        "body",
        "550-5.7.26 Your email has been blocked because the sender is unauthenticated.\n"
        "550-5.7.26 Gmail requires all senders to authenticate with either SPF or DKIM.\n"
        "550-5.7.26\n"
        "550-5.7.26  Authentication results:\n"
        "550-5.7.26  DKIM = did not pass\n"
        "550-5.7.26  SPF [example.com] with ip: [192.0.2.1] = did not pass\n"
        "550 5.7.26  https://support.google.com/mail/answer/81126#authentication",
        "rejected mailing authentication_missing",
    ),
    (
        "body",
        "550-5.7.26 This message does not have authentication information or fails to\n"
        "550 5.7.26 pass authentication checks. To best protect our users from spam, the message has been blocked.",
        "rejected mailing authentication_missing",
    ),
    (
        "body",
        "550-5.7.26 The MAIL FROM domain [example.com] has an SPF record with a hard fail\n"
        "550 5.7.26 policy (-all) but it fails to pass SPF checks with the ip: [192.0.2.1].",
        "rejected mailing spf_failed",
    ),
    (
        "body",
        "550-5.7.26 Unauthenticated email from example.com is not accepted due to domain's\n"
        "550 5.7.26 DMARC policy. Please contact the administrator of example.com domain.",
        "rejected mailing dmarc_failed",
    ),
    (
        "body",
        "550-5.7.1 Unauthenticated email from example.com is not accepted due to domain's\n"
        "550-5.7.1 DMARC policy. Please contact the administrator of example.com domain if\n"
        "550 5.7.1 this was a legitimate mail.",
        "rejected mailing dmarc_failed",
    ),
    (
        "body",
        "550 5.7.24 The SPF record of the sending domain has one or more suspicious entries.",
        "rejected mailing spf_failed",
    ),
    (
        "body",
        "550 5.7.27 This mail has been blocked because SPF does not pass.",
        "rejected mailing spf_failed",
    ),
    (
        "body",
        "550-5.7.30 This mail has been blocked because DKIM does not pass. Gmail requires\n"
        "550 5.7.30 all large senders to authenticate with DKIM.",
        "rejected mailing dkim_failed",
    ),
    (
        "body",
        "550-5.7.25 The IP address sending this message does not have a PTR record setup, or\n"
        "550 5.7.25 the corresponding forward DNS entry does not point to the sending IP.",
        "rejected mailing reverse_dns_missing",
    ),
    (
        "body",
        "550 5.7.1 This message does not meet IPv6 sending guidelines regarding PTR records and authentication.",
        "rejected mailing reverse_dns_missing",
    ),
    (
        "body",
        "550 5.7.29 This message was not sent over a TLS connection.",
        "rejected mailing encryption_needed",
    ),
    (
        "body",
        "550-5.7.28 There is an unusual rate of unsolicited mail originating from your IP\n"
        "550 5.7.28 address. To protect our users from spam, mail sent from your IP address has been blocked.",
        "rejected mailing blocked",
    ),
    (
        "body",
        "550-5.7.1 Our system has detected that this message is likely suspicious due to the\n"
        "550 5.7.1 very low reputation of the sending domain.",
        "rejected mailing blocked",
    ),
    (
        "body",
        "550 5.7.1 The IP you're using to send mail is not authorized to send email directly to our servers.",
        "rejected mailing sender_refused",
    ),
    ("rcpt", "550 5.7.0 Mail relay denied [192.0.2.1]. Invalid credentials.", "rejected mailing relay_denied"),
    ("rcpt", "550 5.7.1 Invalid credentials for relay [192.0.2.1].", "rejected mailing relay_denied"),
    ("body", "550 5.4.5 Daily user sending limit exceeded.", "rejected mailing own_limit_reached"),
    ("rcpt", "550 5.7.1 Daily SMTP relay limit exceeded for customer.", "rejected mailing own_limit_reached"),
    ("mail", "553 5.1.7 The sender address <x> is not a valid RFC 5321 address.", "rejected mailing sender_refused"),
    ("mail", "552 5.3.4 Your message exceeded Google's message size limits.", "rejected mailing too_large"),
    ("body", "552 5.2.3 Your message exceeded Google's message size limits.", "rejected mailing too_large"),
    # The recipient.
    (
        "rcpt",
        "450-4.2.1 The user you are trying to contact is receiving mail too quickly.\n"
        "450 4.2.1 Please resend your message at a later time.",
        "deferred recipient",
    ),
    (
        "rcpt",
        "550-5.2.1 The user you are trying to contact is receiving mail at a rate that\n"
        "550 5.2.1 prevents additional messages from being delivered.",
        "deferred recipient",
    ),
    ("rcpt", "452 4.2.2 The recipient's inbox is out of storage space.", "deferred recipient"),
    ("rcpt", "552 5.2.2 The recipient's inbox is out of storage space and inactive.", "deferred recipient"),
    ("rcpt", "550 5.7.1 Email quota exceeded.", "deferred recipient"),
    (
        "rcpt",
        "452-4.5.3 Domain policy size per transaction exceeded, please try this recipient in\n"
        "452 4.5.3 a separate transaction.",
        "deferred recipient",
    ),
    ("body", "451 4.3.0 Mail server temporarily rejected message.", "deferred recipient"),
    (
        "rcpt",
        "550-5.1.1 The email account that you tried to reach does not exist. Please try\n"
        "550-5.1.1 double-checking the recipient's email address for typos or\n"
        "550 5.1.1 unnecessary spaces. For more information, go to https://support.google.com/mail/?p=NoSuchUser",
        "rejected recipient gone",
    ),
    ("rcpt", "550 5.2.1 The email account that you tried to reach is inactive.", "rejected recipient gone"),
    (
        "body",
        "550-5.7.1 Our system has detected that this message is likely unsolicited mail. To\n"
        "550 5.7.1 reduce the amount of spam sent to Gmail, this message has been blocked.",
        "rejected recipient",
    ),
    ("body", "550 5.7.1 This message violates example.com email policy. - gcdp", "rejected recipient"),
    (
        "body",
        "552-5.7.0 This message was blocked because its content presents a potential\n552 5.7.0 security issue.",
        "rejected recipient",
    ),
    ("body", "554 5.6.0 Mail message is malformed. Not accepted.", "rejected recipient"),
    ("body", "554 5.4.6 Message exceeded 50 hops, this may indicate a mail loop.", "rejected recipient"),
    # Out of step.
    ("data", "503 5.5.1 RCPT first.", "deferred connection"),
    ("rcpt", "555 5.5.2 Syntax error, goodbye.", "deferred connection"),
    ("rcpt", "502 5.5.1 Unrecognized command.", "deferred connection"),
]


@pytest.mark.parametrize(("phase", "reply", "meaning"), CASES)
def test_it_reads_a_reply_of_gmails(phase: str, reply: str, meaning: str) -> None:
    assert meaning_of(phase, reply) == meaning
