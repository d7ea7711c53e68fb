"""Every misbehaviour at every stage: the outcome is the table's, memory stays bounded, and no sender is stuck."""

from __future__ import annotations

import asyncio
import tracemalloc
from collections.abc import Iterator

import pytest
import trustme

from mailer.delivery.connection import ConnectFailed
from mailer.delivery.outcome import Kind, Outcome, Phase, Scope
from mailer.delivery.transport import Server, open_connection
from tests.chaos.support.misbehaving import FAULTS, STAGES, Misbehaving
from tests.chaos.support.report import Report
from tests.chaos.support.sizes import GROUPS, WAY, once
from tests.support.smtp_client import Gate, deliver, envelope, impatient
from tests.support.smtp_server import LOGIN, NO_GROUPS, Stage

pytestmark = once  # no database is used

WAIT = 1.0  # seconds for each reply at the stage that is tried: on a busy machine too others reply sooner
STUCK = 30.0  # seconds after which a sender counts as stuck
MEMORY = 4 * 1024 * 1024  # bytes, for all the faults of a stage at once
STEPS = {"mail", "rcpt", "data", "body", "rset", "quit"}  # of a mail, on an open connection
# How far the mail had come; an unasked word is noticed later, if at all.
PHASES: dict[Stage, Phase] = {
    "connect": Phase.CONNECT,
    "hello": Phase.HELLO,
    "tls": Phase.TLS,
    "login": Phase.LOGIN,
    "mail": Phase.MAIL,
    "rcpt": Phase.RCPT,
    "data": Phase.DATA,
    "body": Phase.BODY,
    "rset": Phase.MAIL,
    "quit": Phase.BODY,
}
NOBODYS_FAULT = (Kind.DEFERRED, Scope.CONNECTION)
UNCERTAIN = (Kind.UNCERTAIN, Scope.RECIPIENT)
ACCEPTED = (Kind.ACCEPTED, Scope.RECIPIENT)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Iterator[trustme.CA]:
    """OpenSSL trusts it, as it would one in the system's store."""
    authority = trustme.CA()
    pem = tmp_path_factory.mktemp("authority") / "authority.pem"
    authority.cert_pem.write_to_path(pem)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SSL_CERT_FILE", str(pem))
        yield authority


@pytest.fixture(scope="module", params=GROUPS, ids=WAY)
def pipelining(request: pytest.FixtureRequest) -> Iterator[bool]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(NO_GROUPS, "" if request.param else "1")
        yield bool(request.param)


@pytest.fixture(scope="module")
def servers(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory, pipelining: bool) -> Iterator[Misbehaving]:
    pem = tmp_path_factory.mktemp("server") / "server.pem"
    authority.issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(pem)
    with Misbehaving(pem) as servers:
        yield servers


@pytest.mark.parametrize("stage", STAGES)
async def test_it_copes_with_whatever_a_server_does(stage: Stage, servers: Misbehaving, report: Report) -> None:
    tracemalloc.start()
    try:
        outcomes = await asyncio.gather(*(outcome_at(stage, servers.ports[stage, fault]) for fault in FAULTS))
        _now, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    report.add(f"{len(FAULTS)} misbehaviours at {stage}", also=f"at most {peak // 1024:,} kB of memory")
    got = {fault: (outcome.kind, outcome.scope) for fault, outcome in zip(FAULTS, outcomes, strict=True)}
    assert got == {fault: expected(stage, fault) for fault in FAULTS}
    phases = {outcome.phase for fault, outcome in zip(FAULTS, outcomes, strict=True) if fault != "unasked"}
    assert phases == {PHASES[stage]}
    assert peak < MEMORY


def expected(stage: Stage, fault: str) -> tuple[Kind, Scope]:
    if stage == "body":
        return ACCEPTED if fault == "unasked" else UNCERTAIN
    return ACCEPTED if stage == "quit" else NOBODYS_FAULT


async def outcome_at(stage: Stage, port: int) -> Outcome:
    """What became of the mail that met the misbehaviour, the leave-taking included. Raises TimeoutError if stuck."""
    user, password = LOGIN if stage == "login" else ("", "")
    patience = 30.0 if stage in STEPS else WAIT
    server = Server("localhost", port, user, password, "starttls" if stage == "tls" else "none", timeout=patience)
    step = {"rset": "reset"}.get(stage, stage)
    timeouts = impatient(step, seconds=WAIT) if stage in STEPS else None
    async with asyncio.timeout(STUCK):
        try:
            channel = await open_connection(server, timeouts)
        except ConnectFailed as failed:
            return failed.outcome
        if stage == "rset":
            await deliver(channel, envelope("nobody@example.com"), Gate())
        outcome = await deliver(channel, envelope(), Gate())
        await channel.quit()
        return outcome
