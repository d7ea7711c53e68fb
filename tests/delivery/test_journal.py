from __future__ import annotations

import asyncio
import errno
import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.delivery.journal import Journal, JournalUnwritable
from mailer.delivery.journal_files import JournalMissing, boot_id
from mailer.delivery.outcome import Kind, Outcome, Phase, Reply, Scope, classify_break, classify_reply
from mailer.delivery.takeover import Entry, Takeover, take_over

ACCEPTED = classify_reply(Phase.BODY, Reply(250, "2.0.0 Ok: queued"))
REFUSED = classify_reply(Phase.RCPT, Reply(550, "5.1.1 <jürgen@example.com>: Nö\n\ttabs"))
BOOT = "0b2f"

WRITER = """
import sys, time
from pathlib import Path
from django.conf import settings
settings.configure()
from mailer.delivery.journal import Journal
from mailer.delivery.journal_files import boot_id
from mailer.delivery.outcome import Phase, Reply, classify_reply

journal = Journal.open(Path(sys.argv[1]), 7, "here", boot_id(), sync=False)
journal.handing_over(1, 1, 100.0)
journal.reply(1, 1, 101.0, classify_reply(Phase.BODY, Reply(250, "2.0.0 Ok: queued")))
journal.handing_over(2, 3, 102.0)
print("handed over", flush=True)
time.sleep(60)
"""


def begin(folder: Path, worker_id: int = 7, sync: bool = False, segment_bytes: int = 4 * 1024 * 1024) -> Journal:
    return Journal.open(folder, worker_id, "here", BOOT, sync, segment_bytes=segment_bytes)


def crash(journal: Journal) -> None:
    """Let go of the files as a killed process does: without a word."""
    os.close(journal._segment.descriptor)
    os.close(journal._lock)


def taken_over(folder: Path, worker_id: int = 7) -> Takeover:
    takeover = take_over(folder, worker_id)
    assert takeover is not None
    takeover.close()
    return takeover


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def killed_writer(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that has handed a mail over and waits for the reply; its journal is in `tmp_path`."""
    process = subprocess.Popen([sys.executable, "-c", WRITER, tmp_path], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "handed over\n"
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


def test_it_tells_exactly_what_a_killed_process_had_handed_over(
    tmp_path: Path, killed_writer: subprocess.Popen[str]
) -> None:
    assert take_over(tmp_path, 7) is None  # it lives
    killed_writer.send_signal(signal.SIGKILL)
    killed_writer.wait()
    takeover = take_over(tmp_path, 7)
    assert takeover is not None
    assert takeover.entries == {(1, 1): Entry(100.0, 101.0, ACCEPTED), (2, 3): Entry(102.0)}
    assert takeover.host == "here"
    assert takeover.proves_silence(boot_id())
    assert take_over(tmp_path, 7) is None  # locked by the one who took it over
    takeover.remove()
    takeover.close()
    assert names(tmp_path) == []
    with pytest.raises(JournalMissing):
        take_over(tmp_path, 7)


def test_it_leaves_the_journal_to_a_later_try(tmp_path: Path) -> None:
    journal = begin(tmp_path)
    journal.handing_over(1, 1, 1)
    crash(journal)
    assert taken_over(tmp_path).entries == taken_over(tmp_path).entries == {(1, 1): Entry(1.0)}


def test_it_tells_a_missing_journal_from_an_empty_one(tmp_path: Path) -> None:
    with pytest.raises(JournalMissing):
        take_over(tmp_path, 7)
    crash(begin(tmp_path))
    assert taken_over(tmp_path).entries == {}


def test_it_does_not_trust_a_lock_on_a_file_that_has_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    crash(begin(tmp_path))
    path = tmp_path / "7.log"
    lock = fcntl.flock

    def removed_before_locked(descriptor: int, operation: int) -> None:
        path.unlink()
        lock(descriptor, operation)

    monkeypatch.setattr(fcntl, "flock", removed_before_locked)
    with pytest.raises(JournalMissing):
        take_over(tmp_path, 7)


def test_it_believes_the_last_of_several_entries(tmp_path: Path) -> None:
    journal = begin(tmp_path)
    busy = classify_reply(Phase.BODY, Reply(421, "4.3.2 Busy"))
    for at in (1.0, 3.0):
        journal.handing_over(1, 1, at)
        journal.reply(1, 1, at + 1, busy)
        journal.handing_over(2, 1, at)
        journal.reply(2, 1, at + 1, busy)
    journal.handing_over(2, 1, 5.0)
    journal.reply(3, 1, 6.0, REFUSED)
    crash(journal)
    assert taken_over(tmp_path).entries == {
        (1, 1): Entry(3.0, 4.0, busy),
        (2, 1): Entry(5.0),
        (3, 1): Entry(None, 6.0, REFUSED),
    }


@given(
    st.sampled_from(Kind), st.sampled_from(Scope), st.sampled_from(Phase), st.none() | st.integers(200, 599), st.text()
)
def test_it_brings_every_outcome_back(
    tmp_path_factory: pytest.TempPathFactory, kind: Kind, scope: Scope, phase: Phase, code: int | None, text: str
) -> None:
    folder = tmp_path_factory.mktemp("journal")
    outcome = Outcome(kind, scope, phase, code, "5.1.1", text)
    journal = begin(folder)
    journal.reply(1, 2, 3.5, outcome)
    crash(journal)
    assert taken_over(folder).entries == {(1, 2): Entry(None, 3.5, outcome)}


def last_segment(folder: Path) -> Path:
    return folder / "7.1.log"


@pytest.mark.parametrize("torn", range(1, 30, 4))
def test_it_ignores_a_line_torn_off_by_the_crash(tmp_path: Path, torn: int) -> None:
    journal = begin(tmp_path)
    journal.handing_over(1, 1, 1.0)
    journal.handing_over(2, 1, 2.0)
    crash(journal)
    segment = last_segment(tmp_path)
    segment.write_bytes(segment.read_bytes().rstrip(b"\0")[:-torn])
    takeover = taken_over(tmp_path)
    assert takeover.entries == {(1, 1): Entry(1.0)}
    assert takeover.proves_silence(BOOT)  # a line not written whole was never followed by a final dot


@pytest.mark.parametrize("place", [0, 8, 12, 30])
def test_it_ignores_a_damaged_line_and_proves_nothing_any_more(tmp_path: Path, place: int) -> None:
    journal = begin(tmp_path)
    journal.handing_over(1, 1, 1.0)
    journal.handing_over(2, 1, 2.0)
    crash(journal)
    data = bytearray(last_segment(tmp_path).read_bytes())
    data[place] ^= 0x40
    last_segment(tmp_path).write_bytes(data)
    takeover = taken_over(tmp_path)
    assert takeover.entries == {(2, 1): Entry(2.0)}
    assert not takeover.proves_silence(BOOT)


@pytest.mark.parametrize("entry", [["omen", 1, 2], ["reply", 1, 1, 2.0, "vanished", "recipient", "body", 250, "", ""]])
def test_it_does_not_guess_at_words_of_another_version(tmp_path: Path, entry: list[object]) -> None:
    journal = begin(tmp_path)
    journal._append((1, 1), json.dumps(entry).encode())
    crash(journal)
    takeover = taken_over(tmp_path)
    assert takeover.entries == {}
    assert not takeover.proves_silence(BOOT)


@pytest.mark.parametrize(
    ("sync", "boot", "proves"), [(False, BOOT, True), (False, "another", False), (True, "another", True)]
)
def test_it_proves_silence_after_another_boot_only_if_it_was_synced(
    tmp_path: Path, sync: bool, boot: str, proves: bool
) -> None:
    crash(begin(tmp_path, sync=sync))
    assert taken_over(tmp_path).proves_silence(boot) is proves


def test_it_proves_nothing_without_a_header(tmp_path: Path) -> None:
    crash(begin(tmp_path))
    (tmp_path / "7.log").write_bytes(b"")
    assert not taken_over(tmp_path).proves_silence("")


def test_it_keeps_a_segment_until_all_of_it_is_recorded(tmp_path: Path) -> None:
    journal = begin(tmp_path, segment_bytes=100)
    for delivery_id in range(6):
        journal.handing_over(delivery_id, 1, 1.0)
    assert names(tmp_path) == ["7.1.log", "7.2.log", "7.log"]
    journal.recorded([(0, 1), (1, 1)])
    assert "7.1.log" in names(tmp_path)
    journal.recorded([(2, 1), (99, 1)])
    assert names(tmp_path) == ["7.2.log", "7.log"]
    for delivery_id in range(3, 6):  # the rest of each mail may lie in a later segment than its beginning
        journal.reply(delivery_id, 1, 2.0, ACCEPTED)
    assert {"7.2.log", "7.3.log"} <= set(names(tmp_path))
    crash(journal)
    assert taken_over(tmp_path).entries == {(number, 1): Entry(1.0, 2.0, ACCEPTED) for number in range(3, 6)}


def test_it_drops_a_full_segment_that_was_recorded_before_it_was_full(tmp_path: Path) -> None:
    journal = begin(tmp_path, segment_bytes=60)
    for delivery_id in range(1, 30):
        journal.handing_over(delivery_id, 1, 1.0)
        journal.recorded([(delivery_id, 1)])
    assert len(names(tmp_path)) == 2
    journal.close()


def test_it_reads_many_segments_in_their_order(tmp_path: Path) -> None:
    journal = begin(tmp_path, segment_bytes=1)
    for at in range(1, 13):
        journal.handing_over(1, 1, at)
    begin(tmp_path, worker_id=71).close()
    crash(journal)
    assert len(names(tmp_path)) == 13
    takeover = take_over(tmp_path, 7)
    assert takeover is not None
    assert takeover.entries == {(1, 1): Entry(12.0)}
    takeover.remove()
    assert names(tmp_path) == []


def test_it_leaves_no_file_when_all_is_recorded(tmp_path: Path) -> None:
    journal = begin(tmp_path, segment_bytes=50)
    for delivery_id in range(5):
        journal.handing_over(delivery_id, 1, 1.0)
    journal.recorded([(delivery_id, 1) for delivery_id in range(5)])
    journal.close()
    assert names(tmp_path) == []


def test_it_leaves_its_files_when_something_is_not_recorded(tmp_path: Path) -> None:
    journal = begin(tmp_path)
    journal.handing_over(1, 1, 1.0)
    journal.close()
    assert taken_over(tmp_path).entries == {(1, 1): Entry(1.0)}


def test_it_is_owned_by_one_process(tmp_path: Path) -> None:
    journal = begin(tmp_path)
    with pytest.raises(JournalUnwritable, match="another process writes"):
        begin(tmp_path)
    assert take_over(tmp_path, 7) is None
    journal.close()


def test_it_sets_aside_what_another_databases_worker_has_left(tmp_path: Path) -> None:
    old = begin(tmp_path)
    old.handing_over(1, 1, 1.0)
    crash(old)
    journal = begin(tmp_path)
    journal.handing_over(2, 1, 2.0)
    assert len([name for name in names(tmp_path) if ".left-" in name]) == 2
    crash(journal)
    assert taken_over(tmp_path).entries == {(2, 1): Entry(2.0)}


class Disk:
    """Counts the syncs, each of which takes its time, and what was in the file by then."""

    def __init__(self, seconds: float = 0.0) -> None:
        self.seconds = seconds
        self.sizes: list[int] = []

    def sync(self, descriptor: int) -> None:
        self.sizes.append(len(os.pread(descriptor, 1_000_000, 0).rstrip(b"\0")))
        time.sleep(self.seconds)


async def hand_over(journal: Journal, delivery_id: int) -> int:
    """Returns how large the file was when it was handed over."""
    journal.handing_over(delivery_id, 1, 1.0)
    size = journal._segment.size
    await journal.synced()
    return size


async def test_it_survives_a_power_cut_when_synced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    disk = Disk()
    monkeypatch.setattr(os, "fdatasync", disk.sync)
    journal = begin(tmp_path, sync=True)
    size = await hand_over(journal, 1)
    journal.reply(1, 1, 2.0, ACCEPTED)
    assert disk.sizes == [size]
    journal.recorded([(1, 1)])
    journal.close()


async def test_it_does_not_sync_where_nobody_asked_for_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    disk = Disk()
    monkeypatch.setattr(os, "fdatasync", disk.sync)
    journal = begin(tmp_path)
    await hand_over(journal, 1)
    assert disk.sizes == []
    crash(journal)


async def test_one_sync_serves_all_who_wait_and_keeps_nobody_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """20 senders hand 10 mails over each, on a disk that takes 5 ms."""
    disk = Disk(0.005)
    monkeypatch.setattr(os, "fdatasync", disk.sync)
    journal = begin(tmp_path, sync=True)
    ticks = 0

    async def sender(first: int) -> None:
        for delivery_id in range(first, first + 10):
            size = await hand_over(journal, delivery_id)
            assert any(synced >= size for synced in disk.sizes)

    async def ticking() -> None:
        nonlocal ticks
        while True:
            await asyncio.sleep(0.001)
            ticks += 1

    other = asyncio.create_task(ticking())
    await asyncio.gather(*(sender(100 * number) for number in range(20)))
    other.cancel()
    assert 10 <= len(disk.sizes) <= 30
    assert ticks >= len(disk.sizes)  # the loop went on during every sync
    crash(journal)


async def test_a_sync_that_began_before_a_line_was_written_does_not_count_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = Disk(0.02)
    monkeypatch.setattr(os, "fdatasync", disk.sync)
    journal = begin(tmp_path, sync=True)
    first = asyncio.create_task(hand_over(journal, 1))
    while not disk.sizes:  # noqa: ASYNC110 - the disk is on a thread
        await asyncio.sleep(0.001)
    second = await hand_over(journal, 2)
    assert disk.sizes == [await first, second]
    crash(journal)


async def test_it_syncs_a_full_segment_before_it_goes_on_in_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = Disk()
    monkeypatch.setattr(os, "fdatasync", disk.sync)
    journal = begin(tmp_path, sync=True, segment_bytes=50)
    sizes = [await hand_over(journal, number) for number in range(3)]
    assert disk.sizes == [sizes[0], sizes[1], sizes[1], sizes[2]]
    crash(journal)


def no_space(*_arguments: object) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_it_refuses_where_it_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(JournalUnwritable, match="Not a directory"):
        begin(tmp_path / "file" / "journal")


def test_it_does_not_begin_on_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for call in ("write", "posix_fallocate"):
        with monkeypatch.context() as patched:
            patched.setattr(os, call, no_space)
            with pytest.raises(JournalUnwritable, match="No space left on device"):
                begin(tmp_path / call)
    assert not taken_over(tmp_path / "write").proves_silence(BOOT)


def test_it_says_when_the_disk_is_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the next segment's room is taken, before anything is written there."""
    journal = begin(tmp_path, segment_bytes=1)
    journal.handing_over(1, 1, 1.0)
    with monkeypatch.context() as patched:
        patched.setattr(os, "posix_fallocate", no_space)
        with pytest.raises(JournalUnwritable, match="The journal cannot be written: No space left on device"):
            journal.handing_over(2, 1, 2.0)
    journal.handing_over(3, 1, 3.0)
    crash(journal)
    takeover = taken_over(tmp_path)
    assert takeover.entries == {(1, 1): Entry(1.0), (3, 1): Entry(3.0)}
    assert takeover.proves_silence(BOOT)


async def test_it_refuses_what_it_cannot_sync(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = begin(tmp_path, sync=True)
    monkeypatch.setattr(os, "fdatasync", no_space)
    with pytest.raises(JournalUnwritable):
        await hand_over(journal, 1)
    crash(journal)


def test_it_knows_the_boot(tmp_path: Path) -> None:
    file = tmp_path / "boot_id"
    file.write_text("4711\n")
    assert boot_id(file) == "4711"
    assert boot_id() == boot_id()


def test_it_takes_each_process_for_a_boot_where_that_cannot_be_told(tmp_path: Path) -> None:
    one, other = boot_id(tmp_path / "one"), boot_id(tmp_path / "other")
    assert one
    assert one != other
    assert boot_id(tmp_path / "one") == one


def test_it_writes_a_reply_that_never_came_as_uncertain(tmp_path: Path) -> None:
    lost = classify_break(Phase.BODY, "The connection was lost")
    journal = begin(tmp_path)
    journal.handing_over(1, 1, 1.0)
    journal.reply(1, 1, 2.0, lost)
    crash(journal)
    outcome = taken_over(tmp_path).entries[1, 1].outcome
    assert outcome is not None
    assert (outcome, outcome.kind) == (lost, Kind.UNCERTAIN)
