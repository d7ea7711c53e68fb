from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import documents
from benchmarks.documents import write_section
from benchmarks.live import delays
from benchmarks.processes import Failed
from benchmarks.tables import Most, Ratio, p95

SAMPLES = {"ours": [300.0, 400.0, 200.0], "theirs": [100.0, 200.0, 200.0], "late": [0.4, 0.6, 0.5]}


def test_a_ratio_is_the_median_of_the_rounds() -> None:
    row = Ratio("ours over theirs", "ours", "theirs", 2.0).row(SAMPLES)
    assert "**2.00** (1.00–3.00) = 300/s (200–400) over 200/s (100–200)" in row
    assert row.endswith("| ≥ 2 | met |")
    assert "**not met**" in Ratio("ours over theirs", "ours", "theirs", 2.1).row(SAMPLES)


def test_what_was_not_run_is_neither_met_nor_missed() -> None:
    assert Ratio("ours over nodemailer", "ours", "nodemailer", 2.0).row(SAMPLES).endswith("| not measured | ≥ 2 | |")


def test_what_must_be_little_is_met_from_below() -> None:
    assert "**0.5** (0.4–0.6) s | ≤ 0.5 s | met" in Most("delay", "late", 0.5, "s").row(SAMPLES)
    assert "**not met**" in Most("delay", "late", 0.49, "s").row(SAMPLES)


def test_a_reply_is_shown_by_the_first_frame_that_counts_it() -> None:
    assert delays([1.0, 2.0, 3.0], [(0.5, 0), (2.5, 2), (3.25, 3)]) == [1.5, 0.5, 0.25]
    with pytest.raises(Failed, match="2 of 3"):
        delays([1.0, 2.0, 3.0], [(2.5, 2)])


def test_p95_is_the_value_that_few_exceed() -> None:
    assert p95([float(n) for n in range(101)]) == 95.0
    assert p95([7.0]) == 7.0


def test_it_writes_its_own_section_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    document = tmp_path / "performance.md"
    document.write_text("Before\n<!-- a begins -->\nold\n<!-- a ends -->\n<!-- b begins -->\nkept\n<!-- b ends -->\n")
    monkeypatch.setattr(documents, "DOCUMENT", document)
    write_section("a", "new \\1\n")
    said = "Before\n<!-- a begins -->\nnew \\1\n<!-- a ends -->\n<!-- b begins -->\nkept\n<!-- b ends -->\n"
    assert document.read_text() == said
    with pytest.raises(ValueError, match="lacks"):
        write_section("c", "new")
