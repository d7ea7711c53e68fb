"""README.ru.md says what README.md says."""

from __future__ import annotations

import re

import pytest
from django.conf import settings

ENGLISH, RUSSIAN = ((settings.BASE_DIR / name).read_text() for name in ("README.md", "README.ru.md"))
CODE = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def headings(text: str) -> list[str]:
    return re.findall(r"^(#+) ", CODE.sub("", text), re.MULTILINE)


def commands(text: str) -> list[tuple[str, str]]:
    """The code blocks without their comments and without what is in other letters, which are words."""
    return [
        (language, re.sub(r"\s+#.*|[^\W\d_]+ [^\W\d_]+ <", "", code, flags=re.MULTILINE))
        for language, code in CODE.findall(text)
    ]


def settings_table(text: str) -> list[tuple[str, str]]:
    return re.findall(r"^\| `(\w+)` \| (.*?) ?\|", text, re.MULTILINE)


@pytest.mark.parametrize("part", [headings, commands, settings_table])
def test_it_has_the_same(part: object) -> None:
    assert callable(part)
    assert part(ENGLISH) == part(RUSSIAN)
    assert len(part(ENGLISH)) > 4


def test_it_links_to_the_same_and_each_to_the_other() -> None:
    english, russian = ({*re.findall(r"\]\((.*?)\)", text)} for text in (ENGLISH, RUSSIAN))
    assert english - {"README.ru.md"} == russian - {"README.md"}
    assert "README.ru.md" in english
    assert "README.md" in russian
