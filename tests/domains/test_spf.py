"""SPF: what is wrong with the record, and whether it covers the machine that sends."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from mailer.domains.check import Report
from mailer.domains.findings import Record, Result
from tests.support.dns_server import refuse, silent
from tests.support.domains import SENDER, result_of, spf, told

Ask = Callable[..., Report]


def spf_of(report: Report) -> Result:
    return result_of(report, "spf")


@pytest.mark.parametrize(
    ("zone", "ip", "status"),
    [
        (spf(f"v=spf1 ip4:{SENDER} -all"), SENDER, "pass"),
        (spf("v=spf1 ip4:192.0.2.0/24 -all"), SENDER, "pass"),
        (spf("v=spf1 ip4:198.51.100.0/24 -all"), SENDER, "fail"),
        (spf("v=spf1 ip6:2001:db8::/32 -all"), "2001:db8::1", "pass"),
        (spf("v=spf1 ip6:2001:db8::/32 -all"), SENDER, "fail"),
        (spf("v=spf1 a:mail.example.com -all", mail__example__com={"A": [SENDER]}), SENDER, "pass"),
        (spf("v=spf1 a:mail.example.com -all", mail__example__com={"AAAA": ["2001:db8::1"]}), "2001:db8::1", "pass"),
        (spf("v=spf1 a:mail.example.com/24 -all", mail__example__com={"A": ["192.0.2.99"]}), SENDER, "pass"),
        (spf("v=spf1 include:b.com -all", b__com={"TXT": [f"v=spf1 ip4:{SENDER} -all"]}), SENDER, "pass"),
        (spf("v=spf1 include:b.com -all", b__com={"TXT": ["v=spf1 -all"]}), SENDER, "fail"),
        (spf("v=spf1 include:b.com -all", b__com={"TXT": ["v=spf1 ?all"]}), SENDER, "fail"),
        (spf("v=spf1 redirect=b.com", b__com={"TXT": [f"v=spf1 ip4:{SENDER} -all"]}), SENDER, "pass"),
        (spf(f"v=spf1 -ip4:{SENDER} ip4:192.0.2.0/24 -all"), SENDER, "fail"),
        (spf("v=spf1 exists:%{i}.example.com -all"), SENDER, "unknown"),
        (spf(f"v=spf1 ip4:{SENDER} exists:%{{i}}.example.com -all"), SENDER, "pass"),
    ],
)
def test_it_tells_whether_mail_from_an_address_passes(ask: Ask, zone: Any, ip: str, status: str) -> None:
    assert spf_of(ask(zone, ip=ip)).status == status


def test_mx_means_the_hosts_that_take_the_mail(ask: Ask) -> None:
    zone = {
        "example.com": {"TXT": ["v=spf1 mx -all"], "MX": ["10 a.example.com.", "20 b.example.com."]},
        "a.example.com": {"A": ["192.0.2.1"]},
        "b.example.com": {"A": [SENDER]},
    }
    assert spf_of(ask(zone, ip=SENDER)).status == "pass"
    assert spf_of(ask(zone, ip="192.0.2.2")).status == "fail"


@pytest.mark.parametrize(
    ("zone", "fault"),
    [
        (spf("something else"), "example.com has no SPF record"),
        ({}, "example.com has no SPF record"),
        (spf("v=spf1 -all", "v=spf1 a -all"), "has 2 SPF records"),
        (spf("v=spf1 ip4:300.1.1.1 -all"), "not valid: ip4:300.1.1.1"),
        (spf("v=spf1 include:gone.com -all"), "gone.com is included, but has no SPF record"),
        (
            spf("v=spf1 include:b.com -all", b__com={"TXT": ["v=spf1 foo"]}),
            "record of b.com has a part that is not valid",
        ),
        (spf("v=spf1 include:example.com -all"), "receivers give up after 10"),
    ],
)
def test_it_names_what_makes_the_record_worthless(ask: Ask, zone: Any, fault: str) -> None:
    found = spf_of(ask(zone))
    assert found.status == "fail"
    assert fault in told(found, "fail")


def including(count: int) -> Any:
    """A record that needs so many lookups: one `a`, the rest includes."""
    names = [f"s{number}.com" for number in range(count - 1)]
    record = f"v=spf1 ip4:{SENDER} a " + " ".join(f"include:{name}" for name in names) + " -all"
    return {
        "example.com": {"TXT": [record], "A": ["192.0.2.1"]},
        **{name: {"TXT": ["v=spf1 ip4:198.51.100.1 -all"]} for name in names},
    }


def test_ten_lookups_are_allowed_and_eleven_are_not(ask: Ask) -> None:
    assert spf_of(ask(including(10), ip=SENDER)).status == "pass"
    found = spf_of(ask(including(11), ip=SENDER))
    assert "needs 11 lookups" in told(found, "fail")


def test_lookups_within_includes_count_too(ask: Ask) -> None:
    zone = including(9)
    zone["s0.com"] = {"TXT": ["v=spf1 a mx a:x.com -all"]}
    assert "needs 12 lookups" in told(spf_of(ask(zone)), "fail")


def test_two_names_may_be_gone_and_three_may_not(ask: Ask) -> None:
    record = f"v=spf1 ip4:{SENDER} a:x1.com a:x2.com -all"
    assert spf_of(ask(spf(record), ip=SENDER)).status == "pass"
    found = spf_of(ask(spf(record.replace("-all", "mx:x3.com -all")), ip=SENDER))
    assert "3 lookups of the record find nothing" in told(found, "fail")


@pytest.mark.parametrize(
    ("record", "warning", "end"),
    [
        ("v=spf1 {} +all", "anybody may send as you", ["~all"]),
        ("v=spf1 {} all", "anybody may send as you", ["~all"]),
        ("v=spf1 {} ?all", "does not say what to think of other senders", ["~all"]),
        ("v=spf1 {}", "does not say what to think of other senders", ["~all"]),
        ("v=spf1 {} ptr -all", "out of use", []),
    ],
)
def test_it_warns_of_a_record_that_passes_but_is_weak(ask: Ask, record: str, warning: str, end: list[str]) -> None:
    found = spf_of(ask(spf(record.format(f"ip4:{SENDER}")), ip=SENDER))
    assert found.status == "warn"
    assert warning in told(found, "warn")
    assert [record.value for record in found.publish] == [f"v=spf1 ip4:{SENDER} {ending}" for ending in end]


@pytest.mark.parametrize("trouble", [silent("b.com"), refuse("b.com")])
def test_an_include_that_is_not_answered_is_no_pass_and_no_fault_of_the_record(ask: Ask, trouble: Any) -> None:
    # Within the budget the record itself has to be answered, which takes some 10 ms.
    found = spf_of(ask(spf("v=spf1 include:b.com -all"), trouble, ip=SENDER, budget=2))
    assert found.status == "unknown"
    assert "b.com" in told(found, "unknown")
    assert told(found, "fail") == ""


def test_a_record_that_is_not_answered_is_told_once(ask: Ask) -> None:
    found = spf_of(ask({}, refuse("example.com"), ip=SENDER))
    assert [finding.status for finding in found.findings] == ["unknown"]
    assert found.publish == []


def test_it_writes_the_record_to_publish(ask: Ask) -> None:
    assert spf_of(ask({}, ip=SENDER)).publish == [Record("example.com", "TXT", f"v=spf1 ip4:{SENDER} ~all")]
    amended = spf_of(ask(spf("v=spf1 mx  -all"), ip="2001:db8::1")).publish
    assert amended == [Record("example.com", "TXT", "v=spf1 ip6:2001:db8::1 mx -all")]


def test_the_record_to_publish_leaves_out_what_is_gone(ask: Ask) -> None:
    zone = spf("v=spf1 include:Gone.com include:b.com -all", b__com={"TXT": ["v=spf1 -all"]})
    assert [record.value for record in spf_of(ask(zone)).publish] == ["v=spf1 include:b.com -all"]


RELAY = {"smtp.example.net": {"A": [SENDER]}}


@pytest.mark.parametrize(
    ("record", "status", "publish"),
    [
        (f"v=spf1 ip4:{SENDER} -all", "pass", []),
        ("v=spf1 -all", "warn", ["v=spf1 a:smtp.example.net -all"]),
        ("nothing", "fail", ["v=spf1 a:smtp.example.net ~all"]),
    ],
)
def test_a_relay_is_judged_by_its_own_address(
    ask: Ask, settings: Any, record: str, status: str, publish: list[str]
) -> None:
    settings.EMAIL_HOST = "smtp.example.net"
    found = spf_of(ask({**spf(record), **RELAY}))
    assert found.status == status
    assert [record.value for record in found.publish] == publish
    assert "smtp.example.net" in told(found, "pass") + told(found, "warn")


def test_a_relay_that_is_not_answered_for_is_not_known(ask: Ask, settings: Any) -> None:
    settings.EMAIL_HOST = "smtp.example.net"
    assert spf_of(ask(spf("v=spf1 -all"), refuse("smtp.example.net"))).status == "unknown"


def test_a_known_provider_is_to_be_included(ask: Ask, settings: Any) -> None:
    settings.EMAIL_HOST = "smtp.sendgrid.net"
    found = spf_of(ask(spf("v=spf1 mx -all")))
    assert found.status == "warn"
    assert [record.value for record in found.publish] == ["v=spf1 include:sendgrid.net mx -all"]
    zone = spf("v=spf1 include:sendgrid.net -all", sendgrid__net={"TXT": ["v=spf1 ip4:198.51.100.0/24 -all"]})
    assert spf_of(ask(zone)).status == "pass"


@pytest.mark.parametrize("host", ["", "localhost", "127.0.0.1", "10.0.0.5", "postfix", "mail.internal"])
def test_where_the_sender_can_not_be_known_it_says_so(ask: Ask, settings: Any, host: str) -> None:
    settings.EMAIL_HOST = host
    found = spf_of(ask(spf("v=spf1 mx -all")))
    assert "is not known here" in told(found, "warn")
    assert told(found, "pass") == ""


def test_a_mail_server_given_by_its_public_address_is_the_sender(ask: Ask, settings: Any) -> None:
    settings.EMAIL_HOST = "8.8.8.8"
    assert spf_of(ask(spf("v=spf1 ip4:8.8.8.8 -all"))).status == "pass"
    assert spf_of(ask(spf("v=spf1 -all"))).status == "fail"
