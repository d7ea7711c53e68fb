"""Liquid, fenced: what a template may cost is bounded, whatever is in it; in memory too, which nothing fills for free.

Without this a template of two lines stops the process: `(1..30000000) | join`, or a chain of `replace`, each of which
multiplies the text by the length of its argument. Costs are counted, not timed, so that a mail that could be made
once can be made again.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from io import StringIO
from typing import Any, TextIO

from django.utils import timezone
from django.utils.translation import gettext as _
from liquid import BoundTemplate, Environment, RenderContext
from liquid.exceptions import OutputStreamLimitError, ResourceLimitError
from liquid.token import Token

from mailer.merge_costs import FILTER_WORK, LOOP_WORK, NODE_WORK, WORK_LIMIT, growth_of, looked_at, size_of

OUTPUT_LIMIT = 1_000_000  # octets, what is captured on the way included
LONGEST_RANGE = 500

LOADING_TAGS = ("include", "render", "extends", "block", "macro", "call", "import")
UNESCAPING_FILTERS = ("safe",)


class FencedContext(RenderContext):
    """One rendering, and the work done so far."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.work = 0
        self.written = 0

    def charge(self, work: int, token: Token | None = None) -> None:
        self.work += work
        if self.work > WORK_LIMIT:
            raise ResourceLimitError(_("it has too much to do"), token=token)

    @property
    def disabled_tags(self) -> list[str]:
        """None. Every node asks for them right before it is rendered: the one place where all can be counted."""
        self.charge(NODE_WORK)
        return []

    @disabled_tags.setter
    def disabled_tags(self, names: list[str]) -> None:
        """Only tags that load something would set them."""

    def get(self, path: list[object], *, token: Token | None, **kwargs: Any) -> object:
        value = super().get(path, token=token, **kwargs)
        self.charge(NODE_WORK // 2 + looked_at(value), token)
        return value

    def stopindex(self, key: str, index: int | None = None) -> int:
        """Asked by every loop, one over nothing too."""
        self.charge(LOOP_WORK)
        return super().stopindex(key, index)

    def assign(self, key: str, val: Any) -> None:
        """Assigning counts as work: what is held is then bounded by what was done."""
        self.charge(size_of(val))
        self.locals[key] = val

    def get_buffer(self, buf: TextIO | None = None) -> StringIO:
        return FencedBuffer(self)

    def filter(self, name: str, token: Token | None) -> Callable[..., object]:
        function = super().filter(name, token)

        def fenced(value: object, *args: object, **kwargs: object) -> object:
            self.charge(FILTER_WORK + size_of(value) + sum(map(size_of, args)) + growth_of(name, value, *args), token)
            if name == "date" and value in ("now", "today"):
                value = _moment(self.scope.get("now"))
            return function(value, *args, **kwargs)

        return fenced


class FencedBuffer(StringIO):
    """What a rendering writes, captures included."""

    def __init__(self, context: FencedContext) -> None:
        super().__init__()
        self._context = context

    def write(self, text: str, /) -> int:
        self._context.charge(len(text) >> 3)
        self._context.written += len(text.encode())
        if self._context.written > OUTPUT_LIMIT:
            raise OutputStreamLimitError(_("it writes too much"), token=None)
        return super().write(text)


class FencedTemplate(BoundTemplate):
    def render(self, *args: Any, **kwargs: Any) -> str:
        context = FencedContext(self, globals=self.make_globals(dict(*args, **kwargs)))
        buffer = context.get_buffer()
        self.render_with_context(context, buffer)
        return buffer.getvalue()


class FencedEnvironment(Environment):
    """With `autoescape` what is filled in is escaped for HTML, and no filter of Liquid's own takes that back."""

    template_class = FencedTemplate
    loop_iteration_limit = LONGEST_RANGE
    context_depth_limit = 20

    def __init__(self, *, autoescape: bool = False) -> None:
        super().__init__(autoescape=autoescape)
        for name in LOADING_TAGS:
            self.tags.pop(name, None)
        for name in UNESCAPING_FILTERS:
            self.filters.pop(name, None)


def _moment(now: object) -> object:
    """What time it is for a template: its mail's date, by the site's clock, so that a retry is the same mail."""
    if isinstance(now, datetime) and timezone.is_aware(now):
        return timezone.localtime(now, timezone.get_default_timezone())
    return now
