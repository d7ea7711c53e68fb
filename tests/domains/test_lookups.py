"""What the DNS answers, and every way in which it does not, told apart."""

from __future__ import annotations

import time
from typing import Any

import dns.rcode
import pytest

from mailer.domains.lookups import LONGEST_RECORD, MOST_QUESTIONS, PATIENCE, Lookup, Lookups, Outcome
from tests.support.dns_server import (
    Behaviour,
    DnsServer,
    answer_another_question,
    babble,
    refuse,
    silent,
    truncate,
    truncate_always,
)

LONG = "x" * 600
ZONE = {
    "a.com": {"TXT": ["one", LONG], "MX": ["10 MX.a.com."], "A": ["192.0.2.1"], "AAAA": ["2001:db8::1"]},
    "null.com": {"MX": ["0 ."]},
    "empty.com": {"HINFO": ["a b"]},
    "alias.com": {"CNAME": ["b.com"]},
    "b.com": {"CNAME": ["a.com"]},
    "astray.com": {"CNAME": ["gone.com"]},
    "loop.com": {"CNAME": ["loop.com"]},
    "v4.com": {"A": ["192.0.2.1"]},
}


async def txt(settings: Any, name: str, *behaviours: Behaviour, budget: float = 10) -> Lookup:
    with DnsServer(ZONE, *behaviours) as server:
        settings.DNS_RESOLVER = server.address
        return await Lookups(budget).txt(name)


async def test_it_puts_the_strings_of_a_record_together(settings: Any) -> None:
    lookup = await txt(settings, "a.com")
    assert (lookup.outcome, sorted(lookup.records)) == (Outcome.FOUND, ["one", LONG])


@pytest.mark.parametrize(
    ("name", "outcome"),
    [("gone.com", Outcome.NO_NAME), ("empty.com", Outcome.NO_RECORD), ("astray.com", Outcome.NO_NAME)],
)
async def test_it_tells_no_name_from_no_record(settings: Any, name: str, outcome: Outcome) -> None:
    lookup = await txt(settings, name)
    assert lookup == Lookup(name, outcome)
    assert lookup.is_known


SOON, AMPLE = 0.4, 10.0  # budgets in seconds: where no answer comes, and where one does, however slow the machine is
TROUBLES = [
    (silent("a.com"), SOON, Outcome.TIMED_OUT),
    (babble("a.com"), SOON, Outcome.TIMED_OUT),
    (answer_another_question("a.com"), SOON, Outcome.TIMED_OUT),
    (refuse("a.com"), AMPLE, Outcome.SERVER_FAILED),
    (refuse("a.com", dns.rcode.REFUSED), AMPLE, Outcome.SERVER_FAILED),
    (refuse("a.com", dns.rcode.YXDOMAIN), AMPLE, Outcome.SERVER_FAILED),
    (truncate_always("a.com"), AMPLE, Outcome.SERVER_FAILED),
]


@pytest.mark.parametrize(("behaviour", "budget", "outcome"), TROUBLES)
async def test_it_tells_what_went_wrong(settings: Any, behaviour: Behaviour, budget: float, outcome: Outcome) -> None:
    lookup = await txt(settings, "a.com", behaviour, budget=budget)
    assert lookup == Lookup("a.com", outcome)
    assert not lookup.is_known
    assert "a.com" in lookup.trouble


async def test_a_long_answer_is_fetched_over_tcp(settings: Any) -> None:
    with DnsServer(ZONE, truncate("a.com")) as server:
        settings.DNS_RESOLVER = server.address
        assert LONG in (await Lookups(10).txt("a.com")).records
        assert [question.over_tcp for question in server.asked] == [False, True]


async def test_it_follows_aliases_and_ends_in_a_loop(settings: Any) -> None:
    assert "one" in (await txt(settings, "alias.com")).records
    assert (await txt(settings, "loop.com")).records == ()


async def test_a_server_that_is_not_there_is_told(settings: Any) -> None:
    with DnsServer(ZONE) as server:
        settings.DNS_RESOLVER = server.address
    lookup = await Lookups(0.4).txt("a.com")
    assert not lookup.is_known


async def test_it_asks_each_question_once(settings: Any) -> None:
    with DnsServer(ZONE) as server:
        settings.DNS_RESOLVER = server.address
        lookups = Lookups(10)
        assert await lookups.txt("a.com") == await lookups.txt("a.com")
        assert len(server.asked) == 1


async def test_it_gives_hosts_and_addresses(settings: Any) -> None:
    with DnsServer(ZONE, silent("half.com")) as server:
        settings.DNS_RESOLVER = server.address
        lookups = Lookups(10)
        assert (await lookups.mx("a.com")).records == ("10 mx.a.com",)
        assert (await lookups.mx("null.com")).records == ("0 .",)
        assert (await lookups.addresses("a.com")).records == ("192.0.2.1", "2001:db8::1")
        assert (await lookups.addresses("v4.com")).records == ("192.0.2.1",)
        assert (await lookups.addresses("gone.com")).outcome == Outcome.NO_NAME


@pytest.mark.parametrize("name", ["localhost", "db", "printer.local", "127.0.0.1", "db.internal", "a b.com", "x" * 300])
async def test_it_asks_nobody_for_a_name_of_the_local_network(settings: Any, name: str) -> None:
    with DnsServer({name: {"A": ["10.0.0.1"]}}) as server:
        settings.DNS_RESOLVER = server.address
        assert (await Lookups(10).addresses(name)).records == ()
        assert server.asked == []


async def test_it_ends_with_its_budget_however_much_is_asked(settings: Any) -> None:
    with DnsServer({}, *(silent(f"s{number}.com") for number in range(3))) as server:
        settings.DNS_RESOLVER = server.address
        began = time.monotonic()
        lookups = Lookups(0.3)
        outcomes = [(await lookups.txt(f"s{number}.com")).outcome for number in range(3)]
        assert outcomes == [Outcome.TIMED_OUT] * 3
        assert time.monotonic() - began < PATIENCE  # that is for one of them


async def test_it_gives_up_after_very_many_questions(settings: Any) -> None:
    with DnsServer({}) as server:
        settings.DNS_RESOLVER = server.address
        lookups = Lookups(30)
        outcomes = [(await lookups.txt(f"s{number}.com")).outcome for number in range(MOST_QUESTIONS + 1)]
        assert outcomes.count(Outcome.NO_NAME) == MOST_QUESTIONS
        assert outcomes[-1] == Outcome.TOO_MANY
        assert len(server.asked) == MOST_QUESTIONS


async def test_what_a_record_holds_is_printable_and_not_endless(settings: Any) -> None:
    zone = {"evil.com": {"TXT": ["a\\000b\\027[31m\\255"]}, "long.com": {"TXT": ["y" * 9000]}}
    with DnsServer(zone) as server:
        settings.DNS_RESOLVER = server.address
        lookups = Lookups(10)
        assert (await lookups.txt("evil.com")).records == ("a\ufffdb\ufffd[31m\ufffd",)
        assert len((await lookups.txt("long.com")).records[0]) == LONGEST_RECORD
