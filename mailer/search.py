"""Search by words."""

from __future__ import annotations

import re
from typing import TypeVar

from django.db.models import Model, Q, QuerySet

from mailer.addresses import parts_of_keys

M = TypeVar("M", bound=Model)

MOST_WORDS = 20  # databases refuse conditions without end
MOST_LETTERS = 320  # of a word: as long as an address may be


def matching(queryset: QuerySet[M], text: str, *fields: str) -> QuerySet[M]:
    """Those of the queryset in which every word of the text is part of one of the fields, in any capitals.

    Only the first MOST_WORDS words count, and of each the first MOST_LETTERS letters.
    """
    for word in _words(text):
        lookup, sought = _in_any_capitals(word)
        any_field = Q()
        for field in fields:
            any_field |= Q(**{f"{field}__{lookup}": sought})
        queryset = queryset.filter(any_field)
    return queryset


def matching_keys(queryset: QuerySet[M], text: str) -> QuerySet[M]:
    """Those in whose `address_key` every word of the text is found, in the spelling of keys; as many words count."""
    for word in _words(text):
        any_spelling = Q()
        for part in parts_of_keys(word):
            any_spelling |= Q(address_key__contains=part)
        queryset = queryset.filter(any_spelling)
    return queryset


def _in_any_capitals(word: str) -> tuple[str, str]:
    """The lookup that finds this word in any capitals, and what to give it.

    Of other letters than ASCII's neither SQLite knows the capitals nor PostgreSQL in a database whose locale is C.
    """
    return ("icontains", word) if word.isascii() else ("regex", "".join(map(_either_case, word)))


def _either_case(letter: str) -> str:
    both = {letter.lower(), letter.upper()}
    return f"[{''.join(sorted(both))}]" if len(both) == 2 and max(map(len, both)) == 1 else re.escape(letter)


def _words(text: str) -> list[str]:
    return [word[:MOST_LETTERS] for word in text.replace("\0", "").split()[:MOST_WORDS]]
