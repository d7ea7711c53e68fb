"""docs/performance.md: words that stay, and between marks what each of the two commands found."""

from __future__ import annotations

import re

from benchmarks.processes import ROOT

DOCUMENT = ROOT / "docs" / "performance.md"


def write_section(name: str, text: str) -> None:
    """Replace what stands between the marks of this name."""
    begin, end = f"<!-- {name} begins -->", f"<!-- {name} ends -->"
    pattern = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}", re.DOTALL)
    document = DOCUMENT.read_text()
    if not pattern.search(document):
        raise ValueError(f"{DOCUMENT} lacks the marks of {name}")
    section = f"{begin}\n{text.strip()}\n{end}"
    DOCUMENT.write_text(pattern.sub(lambda _found: section, document))
