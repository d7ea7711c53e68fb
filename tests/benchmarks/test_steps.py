"""The table of steps goes by the engine's modules, by name."""

from __future__ import annotations

from pathlib import Path

from benchmarks.steps import ENGINE, STEPS


def test_every_module_that_it_names_is_there() -> None:
    named = [module for modules in STEPS.values() for module in modules]
    assert [module for module in named if not Path(ENGINE, f"{module}.py").exists()] == []
