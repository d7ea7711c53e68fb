from __future__ import annotations

import pytest

from mailer import reasons
from mailer.delivery.rules import RULES
from mailer.delivery.terms import Kind, Scope

QUOTING = [code for code, sentence in reasons.SENTENCES.items() if "%(words)s" in sentence]


@pytest.mark.parametrize("code", QUOTING)
def test_it_says_every_reason_with_the_words_that_it_quotes(code: str) -> None:
    told = str(reasons.StatusReason(code, "550 5.7.1 100 % <no>"))
    assert "%(" not in told
    assert "550 5.7.1 100 % <no>" in told


def test_what_quotes_nothing_is_said_without_words() -> None:
    assert set(reasons.SENTENCES) - set(QUOTING) == {
        reasons.OWNER_BLOCKED,
        reasons.RESTORED,
        reasons.OTHER_DATABASE,
        reasons.NOT_SENT_AFTER_ALL,
    }


def test_what_pauses_a_mailing_says_what_to_do() -> None:
    for rule in RULES:
        pauses = rule.kind is Kind.REJECTED and rule.scope in (Scope.MAILING, Scope.ACCOUNT)
        assert bool(rule.advice) == pauses
        assert not rule.advice or rule.advice in reasons.SENTENCES


@pytest.mark.parametrize(
    ("code", "record"),
    [
        (reasons.SPF_FAILED, "SPF record"),
        (reasons.DKIM_FAILED, "selector._domainkey"),
        (reasons.DMARC_FAILED, "_dmarc"),
        (reasons.AUTHENTICATION_MISSING, "_dmarc"),
        (reasons.REVERSE_DNS_MISSING, "PTR record"),
    ],
)
def test_it_names_the_dns_record_to_mend(code: str, record: str) -> None:
    assert record in str(reasons.StatusReason(code, "550"))
