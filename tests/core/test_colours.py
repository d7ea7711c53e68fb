"""Words on their badges, links and buttons can be read: WCAG 2.2 AA, a contrast of 4.5 to 1."""

from __future__ import annotations

import re

import pytest
from django.conf import settings

STYLE = (settings.BASE_DIR / "core/static/core/app.css").read_text()
TINT = 0.13  # of a badge's colour in its ground

Colour = tuple[int, int, int]


def named(theme: str) -> dict[str, Colour]:
    block = STYLE.split(f'[data-bs-theme="{theme}"]', 1)[1].split("}", 1)[0]
    found = re.findall(r"--([\w-]+): #(..)(..)(..);", block)
    return {name: (int(red, 16), int(green, 16), int(blue, 16)) for name, red, green, blue in found}


def mixed(over: Colour, ground: Colour) -> Colour:
    red, green, blue = (round(o * TINT + g * (1 - TINT)) for o, g in zip(over, ground, strict=True))
    return red, green, blue


def luminance(colour: Colour) -> float:
    parts = (part / 255 for part in colour)
    red, green, blue = (part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: Colour, other: Colour) -> float:
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def test_black_on_white_is_as_strong_as_it_gets() -> None:
    assert contrast((0, 0, 0), (255, 255, 255)) == pytest.approx(21)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_badges_can_be_read(theme: str) -> None:
    colours = named(theme)
    states = {name: colour for name, colour in colours.items() if name.startswith("state-")}
    assert len(states) == 9
    faint = {name for name, colour in states.items() if contrast(colour, mixed(colour, colours["card"])) < 4.5}
    assert not faint


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize(
    ("ink", "ground"),
    [
        ("ink", "paper"),
        ("ink-soft", "paper"),
        ("ink-soft", "card"),
        ("accent", "paper"),
        ("card", "accent"),
        ("card", "accent-strong"),
        ("accent-strong", "accent-soft"),
        ("state-failed", "card"),
    ],
)
def test_text_links_and_buttons_can_be_read(theme: str, ink: str, ground: str) -> None:
    colours = named(theme)
    assert contrast(colours[ink], colours[ground]) >= 4.5
