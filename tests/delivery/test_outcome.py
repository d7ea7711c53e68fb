from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.delivery.outcome import (
    Kind,
    Outcome,
    Phase,
    Reply,
    Scope,
    charged_after_all,
    classify_break,
    classify_reply,
    clean_text,
    enhanced_code,
    rejected_here,
    withheld,
)

# phase, the server's reply, what it means, whom it is about
CASES = [
    ("body", "250 2.0.0 Ok: queued as 4F1", "accepted", "recipient"),
    ("body", "200 fine", "accepted", "recipient"),
    # Before there is a transaction.
    ("connect", "421 4.3.2 All server ports are busy", "deferred", "connection"),
    ("connect", "554 5.7.1 No SMTP service here", "deferred", "connection"),
    ("hello", "421 4.7.0 Try again later", "deferred", "connection"),
    ("hello", "550 5.7.1 HELO refused", "deferred", "connection"),
    ("tls", "454 4.7.0 TLS not available", "deferred", "connection"),
    ("login", "454 4.7.0 Temporary authentication failure", "deferred", "connection"),
    ("login", "421 4.7.0 Too many login attempts", "deferred", "connection"),
    ("login", "535 5.7.8 Bad credentials", "rejected", "account"),
    ("login", "534 5.7.9 Application-specific password required", "rejected", "account"),
    ("login", "538 5.7.11 Encryption required", "rejected", "account"),
    ("login", "501 5.5.2 Cannot decode", "rejected", "account"),
    # The account, found out late.
    ("mail", "530 5.7.0 Authentication required", "rejected", "account"),
    ("rcpt", "530 5.7.0 Must issue a STARTTLS command first", "rejected", "account"),
    ("data", "535 5.7.8 Credentials expired", "rejected", "account"),
    # The connection and the server as a whole.
    ("mail", "421 4.7.0 Too much mail from your address", "deferred", "connection"),
    ("rcpt", "421 4.7.0 Closing", "deferred", "connection"),
    ("data", "421 4.3.2 Shutting down", "deferred", "connection"),
    ("body", "421 4.7.0 Rate limited", "deferred", "connection"),
    ("mail", "451 4.3.0 Try later", "deferred", "connection"),
    ("mail", "452 4.3.1 Insufficient system storage", "deferred", "connection"),
    ("rcpt", "452 4.3.1 Insufficient system storage", "deferred", "connection"),
    ("rcpt", "452 4.5.3 Too many recipients", "deferred", "connection"),
    ("body", "452 4.3.1 Insufficient system storage", "deferred", "connection"),
    ("data", "454 Throttling failure: Maximum sending rate exceeded.", "deferred", "connection"),
    ("body", "454 Throttling failure: Daily message quota exceeded.", "deferred", "connection"),
    ("rcpt", "450 4.1.8 Sender address rejected: Domain not found", "deferred", "connection"),
    # A conversation out of step.
    ("mail", "503 5.5.1 Nested MAIL command", "deferred", "connection"),
    ("mail", "555 5.5.4 Unsupported option", "deferred", "connection"),
    ("rcpt", "503 5.5.1 Need MAIL before RCPT", "deferred", "connection"),
    ("rcpt", "501 5.5.4 Syntax error", "deferred", "connection"),
    ("rcpt", "500 5.5.2 Unrecognised command", "deferred", "connection"),
    ("data", "502 5.5.1 Not implemented", "deferred", "connection"),
    ("data", "250 2.0.0 Ok", "deferred", "connection"),
    ("rcpt", "354 Go ahead", "deferred", "connection"),
    ("body", "503 5.5.1 Bad sequence", "deferred", "connection"),
    ("body", "354 Still listening", "uncertain", "recipient"),
    # The mailing.
    ("mail", "550 5.7.1 Sender refused", "rejected", "mailing"),
    ("mail", "553 5.1.8 Sender domain does not exist", "rejected", "mailing"),
    ("mail", "501 5.1.7 Bad sender address syntax", "rejected", "mailing"),
    ("mail", "552 5.3.4 Message size exceeds fixed limit", "rejected", "mailing"),
    ("body", "552 5.3.4 Message too big", "rejected", "mailing"),
    ("body", "552 Message size exceeds fixed maximum message size", "rejected", "mailing"),
    ("rcpt", "550 5.7.1 Relaying denied", "rejected", "mailing"),
    ("rcpt", "554 5.7.1 <ann@example.com>: Relay access denied", "rejected", "mailing"),
    ("rcpt", "454 4.7.1 <ann@example.com>: Relay access denied", "rejected", "mailing"),
    ("rcpt", "550 we do not relay", "rejected", "mailing"),
    ("rcpt", "553 5.7.1 <me@example.com>: Sender address rejected: not owned by user", "rejected", "mailing"),
    ("rcpt", "554 5.7.1 <unknown[192.0.2.1]>: Client host rejected: Access denied", "rejected", "mailing"),
    ("body", "550 5.7.26 This mail has been blocked because the sender is unauthenticated.", "rejected", "mailing"),
    ("body", "550 5.7.25 The sending IP has no PTR record", "rejected", "mailing"),
    ("body", "550 5.7.515 Access denied, sending domain does not meet the level", "rejected", "mailing"),
    # The recipient.
    ("rcpt", "450 4.7.1 Greylisted", "deferred", "recipient"),
    ("rcpt", "450 4.2.1 Receiving mail too quickly", "deferred", "recipient"),
    ("rcpt", "451 4.7.1 Try again", "deferred", "recipient"),
    ("rcpt", "452 4.2.2 Mailbox full", "deferred", "recipient"),
    ("rcpt", "452 full", "deferred", "recipient"),
    ("data", "451 4.7.1 Greylisted", "deferred", "recipient"),
    ("body", "451 4.3.0 Mail server temporarily rejected message", "deferred", "recipient"),
    ("rcpt", "552 5.2.2 Mailbox full", "deferred", "recipient"),
    ("body", "552 5.2.2 Over quota", "deferred", "recipient"),
    ("rcpt", "552 Requested mail action aborted: exceeded storage allocation", "deferred", "recipient"),
    ("rcpt", "522 5.7.1 Recipient has exceeded mailbox limit", "deferred", "recipient"),
    ("rcpt", "550 5.1.1 No such user", "rejected", "recipient"),
    ("rcpt", "550 5.1.1 <relay@example.com>: User unknown", "rejected", "recipient"),
    ("rcpt", "550 <relay@example.com>: User unknown", "rejected", "recipient"),
    ("rcpt", "556 5.1.10 Null MX", "rejected", "recipient"),
    ("rcpt", "501 5.1.3 Bad recipient address syntax", "rejected", "recipient"),
    ("rcpt", "553 5.1.3 Mailbox name not allowed", "rejected", "recipient"),
    ("rcpt", "550 User unknown", "rejected", "recipient"),
    ("data", "554 5.5.1 No valid recipients", "rejected", "recipient"),
    ("body", "554 5.7.1 Message identified as spam", "rejected", "recipient"),
    ("body", "552 5.7.0 Content presents a potential security issue", "rejected", "recipient"),
]


@pytest.mark.parametrize(("phase", "reply", "kind", "scope"), CASES)
def test_it_reads_a_reply(phase: str, reply: str, kind: str, scope: str) -> None:
    code, _space, text = reply.partition(" ")
    outcome = classify_reply(Phase(phase), Reply(int(code), text))
    assert (outcome.kind, outcome.scope) == (kind, scope)
    assert (outcome.phase, outcome.reply_code, outcome.server_response) == (phase, int(code), text)
    assert outcome.is_charged == (scope == "recipient")


@given(st.sampled_from(list(Phase)), st.integers(200, 599), st.text())
def test_it_has_an_answer_to_every_reply(phase: Phase, code: int, text: str) -> None:
    outcome = classify_reply(phase, Reply(code, text))
    assert (outcome.kind is Kind.ACCEPTED) == (phase is Phase.BODY and 200 <= code < 300)
    assert outcome.kind is not Kind.UNCERTAIN or phase is Phase.BODY


@pytest.mark.parametrize("phase", list(Phase))
def test_it_is_uncertain_only_once_the_body_may_have_arrived(phase: Phase) -> None:
    outcome = classify_break(phase, "The connection\nwas lost")
    assert outcome.server_response == "The connection was lost"
    assert outcome.reply_code is None
    if phase is Phase.BODY:
        assert (outcome.kind, outcome.scope, outcome.is_charged) == (Kind.UNCERTAIN, Scope.RECIPIENT, True)
    else:
        assert (outcome.kind, outcome.scope, outcome.is_charged) == (Kind.DEFERRED, Scope.CONNECTION, False)


def test_it_charges_nobody_for_what_was_withheld() -> None:
    outcome = withheld(Phase.DATA)
    assert (outcome.kind, outcome.is_charged) == (Kind.WITHHELD, False)
    assert not Outcome(Kind.WITHHELD, Scope.RECIPIENT, Phase.DATA, None, "", "").is_charged


@pytest.mark.parametrize("phase", ["mail", "rcpt", "data", "body"])
@pytest.mark.parametrize(
    ("reply", "breaks"), [(421, True), (503, True), (555, True), (454, False), (250, False), (550, False)]
)
def test_hanging_up_and_losing_step_break_the_conversation(phase: str, reply: int, breaks: bool) -> None:
    outcome = classify_reply(Phase(phase), Reply(reply, "Well"))
    is_out_of_place = reply == 250 and phase != "body"
    assert outcome.breaks == (breaks or is_out_of_place)
    assert not (outcome.breaks and outcome.is_charged)


@pytest.mark.parametrize("phase", list(Phase))
def test_a_lost_connection_breaks_it_within_a_transaction_before_the_hand_over(phase: Phase) -> None:
    outcome = classify_break(phase, "The connection was lost")
    assert outcome.breaks == (phase in (Phase.MAIL, Phase.RCPT, Phase.DATA))
    assert not outcome.is_judged


def test_who_is_charged_after_all_fails_or_where_the_server_asked_for_it_waits() -> None:
    lost = charged_after_all(classify_break(Phase.RCPT, "The connection was lost"))
    assert (lost.kind, lost.is_charged, lost.suppresses) == (Kind.REJECTED, True, False)
    assert lost.server_response.startswith("The connection was lost (again and again")
    busy = charged_after_all(classify_reply(Phase.RCPT, Reply(421, "4.7.0 TLS required")))
    assert (busy.kind, busy.is_charged, busy.reply_code) == (Kind.DEFERRED, True, 421)


@given(st.sampled_from(list(Phase)), st.integers(200, 599), st.text())
def test_only_a_refused_recipients_address_is_ever_gone(phase: Phase, code: int, text: str) -> None:
    outcome = classify_reply(phase, Reply(code, f"5.1.1 {text}"))
    judged = outcome.kind is Kind.REJECTED and outcome.scope is Scope.RECIPIENT
    assert judged or not outcome.suppresses
    assert phase in (Phase.RCPT, Phase.DATA, Phase.BODY) or not outcome.suppresses


def test_it_rejects_here_without_a_reply_code() -> None:
    outcome = rejected_here("No such tag", "5.6.7")
    assert (outcome.kind, outcome.is_charged, outcome.reply_code) == (Kind.REJECTED, True, None)
    assert (outcome.enhanced_code, outcome.server_response) == ("5.6.7", "No such tag")
    assert not rejected_here("Too big", scope=Scope.MAILING).is_charged


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("5.1.1 No such user", "5.1.1"),
        ("  4.2.2 Full", "4.2.2"),
        ("2.0.0", "2.0.0"),
        ("5.7.515\nAccess denied", "5.7.515"),
        ("5.1.1: no", ""),
        ("3.1.1 no such class", ""),
        ("5.1.1234 too long", ""),
        ("5.1.\u0661 not ASCII", ""),
        ("see 5.1.1", ""),
        ("", ""),
    ],
)
def test_it_reads_the_enhanced_code(text: str, code: str) -> None:
    assert enhanced_code(text) == code


@given(st.text(st.characters(), max_size=3000))
def test_it_cleans_any_text(text: str) -> None:
    cleaned = clean_text(text)
    assert cleaned.isprintable()
    assert len(cleaned.encode()) <= 1024


def test_it_keeps_words_and_cuts_whole_characters() -> None:
    assert clean_text("a\x00b\r\n\tc\u202e Грüße \udc80") == "a b c Грüße"
    assert clean_text("€" * 400) == "€" * 341
