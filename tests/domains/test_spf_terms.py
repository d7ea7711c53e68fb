"""An SPF record in its parts, and what makes it invalid."""

from __future__ import annotations

import contextlib
import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.domains.spf_terms import MalformedTerm, Term, is_spf, read_terms


def test_it_reads_every_kind_of_term() -> None:
    record = "v=spf1 a mx/24 ?a:b.example.com/24//64 ip4:192.0.2.0/24 IP6:2001:db8::/32 include:c.example.com"
    assert read_terms(f"{record} exists:%{{i}}.d.example.com  ptr exp=e.example.com x=y -all") == [
        Term("a"),
        Term("mx", prefix4=24),
        Term("a", "?", "b.example.com", 24, 64),
        Term("ip4", network=ipaddress.ip_network("192.0.2.0/24")),
        Term("ip6", network=ipaddress.ip_network("2001:db8::/32")),
        Term("include", domain="c.example.com"),
        Term("exists", domain="%{i}.d.example.com"),
        Term("ptr"),
        Term("all", "-"),
    ]


def test_redirect_comes_last_and_not_beside_all() -> None:
    assert [term.name for term in read_terms("v=spf1 redirect=b.example.com a")] == ["a", "redirect"]
    assert [term.name for term in read_terms("v=spf1 redirect=b.example.com ~all")] == ["all"]


MALFORMED = ["ip4:300.1.1.1", "ip4", "ip4:192.0.2.0/33", "ip6:192.0.2.1", "ip6:::/129", "include", "include:", "all:x"]
MALFORMED += [
    "all/8",
    "a:",
    "a/33",
    "a//129",
    "include:a.com/24",
    "foo",
    "ip:192.0.2.1",
    "-bar:x",
    "redirect=",
    "+-all",
]


@pytest.mark.parametrize("term", [*MALFORMED, ","])
def test_it_names_what_is_malformed(term: str) -> None:
    with pytest.raises(MalformedTerm) as caught:
        read_terms(f"v=spf1 {term} -all")
    assert str(caught.value) == term


def test_a_modifier_that_nobody_knows_is_passed_over() -> None:
    assert read_terms("v=spf1 ip4=192.0.2.1/ -all") == [Term("all", "-")]  # §6


def test_two_redirects_are_malformed() -> None:
    with pytest.raises(MalformedTerm):
        read_terms("v=spf1 redirect=a.com redirect=b.com")


@pytest.mark.parametrize(("record", "is_one"), [("v=spf1", True), ("V=SPF1 -all", True), ("v=spf10 -all", False)])
def test_it_knows_an_spf_record(record: str, is_one: bool) -> None:
    assert is_spf(record) == is_one


@given(st.text(alphabet="aimxp46:/=.%{}-~+? lncudre1", max_size=60))
def test_nothing_that_stands_in_a_record_breaks_it(text: str) -> None:
    with contextlib.suppress(MalformedTerm):
        read_terms(f"v=spf1 {text}")
