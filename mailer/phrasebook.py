"""Sentences that come in English, from a library or from the ledger, told in the reader's language."""

from __future__ import annotations

import re
from functools import cached_property
from itertools import cycle

from django.utils.translation import gettext as _

ONE_WORD = ("server", "time", "n", "backend")  # the other parts of a sentence may be anything


class Phrasebook:
    """Knows some sentences with %(parts)s in them, each marked by gettext_noop; the first that fits is meant."""

    def __init__(self, *sentences: str) -> None:
        self._sentences = sentences

    def told(self, text: str) -> str:
        """The text in the current language, a part named `trouble` too; unchanged where no sentence fits."""
        for sentence, pattern in self._patterns:
            if match := pattern.fullmatch(text):
                parts = match.groupdict()
                return _(sentence) % {
                    name: self.told(part) if name == "trouble" else part for name, part in parts.items()
                }
        return text

    def for_scripts(self) -> list[tuple[str, str]]:
        """Each sentence's pattern, as JavaScript writes it, and what to say in the current language instead."""
        return [(pattern.pattern.replace("(?P<", "(?<"), _(sentence)) for sentence, pattern in self._patterns]

    @cached_property
    def _patterns(self) -> list[tuple[str, re.Pattern[str]]]:
        return [(sentence, re.compile(_pattern(sentence), re.DOTALL)) for sentence in self._sentences]


def _pattern(sentence: str) -> str:
    literals_and_names = re.split(r"%\((\w+)\)s", sentence)
    return "".join(
        _group(part) if is_name else re.escape(part)
        for part, is_name in zip(literals_and_names, cycle([False, True]), strict=False)
    )


def _group(name: str) -> str:
    return f"(?P<{name}>{'[^ ]+' if name in ONE_WORD else '.+'})"
