"""Who may import whom, imports inside functions included."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings

ROOT: Path = settings.BASE_DIR
OURS = ("asgi_project", "core", "mailer", "realtime")
MAY_IMPORT = {
    "asgi_project": set(OURS),
    "realtime": {"realtime", "mailer", "core"},
    "mailer": {"mailer", "core"},
    "core": {"core"},
}
PURE = [
    "compose",
    "outcome",
    "rules",
    "terms",
    "retry",
    "replies",
    "steps",
    "wire",
    "transaction",
    "channel",
    "journal",
    "journal_files",
    "journal_lines",
    "takeover",
]
PURE += ["connection", "breaker", "throttle"]
PURE += ["dkim", "dkim_keys", "segments", "bodies", "encodings", "headers", "mime"]
KEPT_OUT = ("django.db", "mailer.models", "core.models", "aiosmtplib")


def imports(path: Path) -> Iterator[str]:
    """The dotted names that a file imports, wherever in it; `from a import b` gives both "a" and "a.b"."""
    package = path.relative_to(ROOT).with_suffix("").parts[:-1]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else ()
            module = ".".join([*above, *([node.module] if node.module else [])])
            yield module
            yield from (f"{module}.{alias.name}" for alias in node.names)


def within(name: str, package: str) -> bool:
    return name == package or name.startswith(f"{package}.")


def test_it_finds_imports_wherever_they_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.test_architecture.ROOT", tmp_path)
    file = tmp_path / "mailer" / "views" / "page.py"
    file.parent.mkdir(parents=True)
    file.write_text("import a.b\nfrom .. import c\ndef f():\n    if True:\n        from .d import e\n")
    assert set(imports(file)) == {"a.b", "mailer", "mailer.c", "mailer.views.d", "mailer.views.d.e"}


@pytest.mark.parametrize("package", OURS)
def test_it_imports_only_downwards(package: str) -> None:
    files = list((ROOT / package).rglob("*.py"))
    assert files
    forbidden = set(OURS) - MAY_IMPORT[package]
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in files
        for name in imports(path)
        if name.partition(".")[0] in forbidden
    ]
    assert wrong == []


@pytest.mark.parametrize("path", sorted((ROOT / "mailer" / "delivery").glob("*.py")), ids=lambda path: path.stem)
def test_it_keeps_database_and_network_out_of_pure_modules(path: Path) -> None:
    kept_out = KEPT_OUT if path.stem in PURE else ("asgi_project",)
    assert [name for name in imports(path) if any(within(name, package) for package in kept_out)] == []


def test_it_never_imports_tests_from_the_product() -> None:
    files = [path for package in OURS for path in (ROOT / package).rglob("*.py")]
    assert [path for path in files if any(within(name, "tests") for name in imports(path))] == []
