"""Merge tags in subjects and bodies: Liquid, fenced. Never Django's templates on user text: those can call methods."""

from __future__ import annotations

from collections.abc import Mapping

from liquid import BoundTemplate, Environment
from liquid.exceptions import LiquidError

KNOWN_TAGS = ("recipient.full_name", "recipient.email", "recipient.comment")
UNSAFE_TAGS = ("include", "render", "extends", "block", "macro", "call", "import")
OUTPUT_LIMIT = 1_000_000  # bytes


class TemplateProblem(ValueError):
    """A template that cannot be used; its text says why, `line` where (from 1), if that is known."""

    def __init__(self, message: str, line: int | None = None) -> None:
        super().__init__(message)
        self.line = line


class _Fenced(Environment):
    output_stream_limit = OUTPUT_LIMIT
    loop_iteration_limit = 1_000
    local_namespace_limit = OUTPUT_LIMIT
    context_depth_limit = 20


_environment = _Fenced()
for _name in UNSAFE_TAGS:
    _environment.tags.pop(_name, None)


class Template:
    """A compiled template: `render` fills it in."""

    def __init__(self, template: BoundTemplate) -> None:
        self._template = template

    def render(self, context: Mapping[str, object]) -> str:
        """The text for one recipient; what is undefined is empty. Raises TemplateProblem."""
        try:
            return self._template.render(**context)
        except (LiquidError, RecursionError, ArithmeticError, ValueError, TypeError) as error:
            raise _problem(error) from error

    def unknown_tags(self) -> list[str]:
        """The variables it asks for that no recipient has."""
        analysis = self._template.analyze(include_partials=False)
        asked = {str(variable) for places in analysis.globals.values() for variable in places}
        return sorted(asked - set(KNOWN_TAGS))


def compile_template(source: str) -> Template:
    """Raises TemplateProblem, with the line, where the source does not parse."""
    try:
        return Template(_environment.from_string(source))
    except (LiquidError, RecursionError) as error:
        raise _problem(error) from error


def _problem(error: Exception) -> TemplateProblem:
    if not isinstance(error, LiquidError):
        return TemplateProblem(str(error) or type(error).__name__)
    context = error.context()
    return TemplateProblem(str(error.message or error), context[0] if context else None)
