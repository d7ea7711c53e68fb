"""Whether a text has a postal address, told by its looks, as English and Russian letters write them."""

from __future__ import annotations

import re

APART = re.compile(r"[\n;|·•]|,(?!\d)|\s[-–—]\s")
NEAR = 6  # parts from the code to the street: flat, town, region and country may lie between
BOX = re.compile(r"(?:\b(?:P\.? ?O\.? ?Box|Postfach)|\bа/я|\bабонентский ящик) ?(?:№ ?)?\d", re.IGNORECASE)
CODE = re.compile(
    r"(?:^|(?i:address|адрес|индекс)[:,]? )(?:[A-Z]{1,3}-)?"  # first in its part, before a place …
    r"(?:(?:(?!(?:19|20)\d\d(?!\d))\d{4}(?: ?[A-Z]{2})?|\d{3} \d{2}|\d{2}-\d{3}|\d{5,6}) [^\W\d_a-zа-яё]"
    r"|\d{5,6}(?:-\d{4})?\.?$)"  # … or alone
    r"|\b[A-Z]{2} \d{5}(?:-\d{4})?\b|\b(?:NSW|VIC|QLD|WA|SA|TAS|ACT|NT) \d{4}\b|\bг\. ?\S+ \d{6}\b"
    r"|\b(?:[A-Z]{1,2}\d[A-Z\d]? ?\d[A-Z]{2}|[A-Z]\d[A-Z] ?\d[A-Z]\d)\b"
)
STREET = re.compile(
    r"\b(?:Street|Road|Rd|Avenue|Ave|Lane|Drive|Boulevard|Blvd|Square|Parkway|Highway|Suite|BP \d+)\b"
    r"|[Ss]tr(?:aße|asse|\.)|\b(?i:ул\.|улица|пр\.|пр-т|просп|пер\.|переулок|ш\.|шоссе|наб\.|набережная|пл\.|площадь)"
    r"|\b(?i:бульвар|б-р|проезд|(?:д\.|дом) ?\d)"
    r"|^[^\W\d_a-zа-яё][^\d]{1,40} \d{1,4} ?[a-zA-Zа-яА-Я]?(?:[-/]\d{1,4})?\.?$"  # Damrak 1
    r"|^\d{1,5}[a-zA-Z]? [^\W\d_a-zа-яё][^\d]{1,40}$"  # 10 Downing
    r"|^\d{1,4}[a-zA-Zа-яА-Я]?$"  # a house number after its street
)


def has_address(text: str) -> bool:
    """Whether there is a P.O. box with its number, or a postal code with a street or a house number near it.

    Commas, line ends and the like set parts apart. A code stands first in its part, before a capital letter or alone,
    or where its own looks tell it: after a state (IL 62701), after «г.», or with letters (SW1A 1AA). In another part
    near it there is a word for a street, or a name and a house number. So no number alone makes an address.
    """
    if BOX.search(text):
        return True
    parts = [part for part in (" ".join(piece.split()) for piece in APART.split(text)) if part]
    streets = {place for place, part in enumerate(parts) if STREET.search(part)}
    codes = [place for place, part in enumerate(parts) if CODE.search(part)]
    return any(code + step in streets for code in codes for step in range(-NEAR, NEAR + 1) if step)
