"""Liquid, fenced: its own limits bound loops, assignments and output; this bounds what filters make on the way.

Without it a template of two lines fills the memory: `(1..30000000) | join`, or a chain of `replace`, each of which
multiplies the text by the length of its argument.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.utils.translation import gettext as _
from liquid import BoundTemplate, Environment, RenderContext
from liquid.exceptions import ResourceLimitError
from liquid.token import Token

OUTPUT_LIMIT = 1_000_000  # bytes
WORK_LIMIT = 4_000_000  # characters, in and out of a template's filters together
LONGEST_NUMBER = 1_000  # bits

LOADING_TAGS = ("include", "render", "extends", "block", "macro", "call", "import")
UNESCAPING_FILTERS = ("safe",)


class FencedContext(RenderContext):
    """One rendering, and the work its filters have done so far."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.work = 0

    def filter(self, name: str, token: Token | None) -> Callable[..., object]:
        function = super().filter(name, token)
        growth = GROWTH.get(name, _no_growth)

        def fenced(value: object, *args: object, **kwargs: object) -> object:
            self.work += size_of(value) + sum(map(size_of, args)) + growth(value, *args)
            if self.work > WORK_LIMIT:
                raise ResourceLimitError(_("its filters have too much to do"), token=token)
            return function(value, *args, **kwargs)

        return fenced


class FencedTemplate(BoundTemplate):
    context_class = FencedContext


class FencedEnvironment(Environment):
    template_class = FencedTemplate
    output_stream_limit = OUTPUT_LIMIT
    loop_iteration_limit = 1_000
    local_namespace_limit = OUTPUT_LIMIT
    context_depth_limit = 20

    def __init__(self, *, autoescape: bool = False) -> None:
        super().__init__(autoescape=autoescape)
        for name in LOADING_TAGS:
            self.tags.pop(name, None)
        for name in UNESCAPING_FILTERS:
            self.filters.pop(name, None)


def size_of(value: object) -> int:
    """About how much a filter has to do with the value: characters, or items with all that is in them."""
    match value:
        case str():
            return 1 + len(value)
        case int() if abs(value).bit_length() > LONGEST_NUMBER:
            return WORK_LIMIT + 1
        case range():
            return 1 + 8 * len(value)
        case list() | tuple():
            return 1 + sum(map(size_of, value))
        case dict():
            return 1 + sum(map(size_of, value.values()))
        case _:
            return 1


# What a filter adds by its arguments, beyond what goes in.


def _no_growth(*_arguments: object) -> int:
    return 0


def _replaced(value: object, old: object = "", new: object = "", *_more: object) -> int:
    return str(value).count(str(old)) * len(str(new))


def _joined(value: object, separator: object = " ", *_more: object) -> int:
    return len(value) * len(str(separator)) if isinstance(value, (str, range, list, tuple)) else 0


def _rounded(_value: object, digits: object = 0, *_more: object) -> int:
    """To round to minus a million digits, Python raises ten to the power of a million."""
    try:
        return min(abs(int(str(digits))), WORK_LIMIT) * LONGEST_NUMBER
    except ValueError:
        return 0  # the filter says what is wrong with it


GROWTH: dict[str, Callable[..., int]] = {"replace": _replaced, "join": _joined, "round": _rounded}
