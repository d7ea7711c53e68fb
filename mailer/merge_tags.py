"""Merge tags in subjects and bodies: Liquid, fenced. Never Django's templates on user text: those can call methods."""

from __future__ import annotations

from collections.abc import Mapping

from liquid import BoundTemplate, Environment
from liquid.exceptions import LiquidError

KNOWN_TAGS = ("recipient.full_name", "recipient.email", "recipient.comment")
EXAMPLE = {"full_name": "Ana Novák", "email": "ana@example.com", "comment": "met at the fair"}
LOADING_TAGS = ("include", "render", "extends", "block", "macro", "call", "import")
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
for _name in LOADING_TAGS:
    _environment.tags.pop(_name, None)


class Template:
    """A compiled template: compile once per mailing, render per recipient."""

    def __init__(self, template: BoundTemplate) -> None:
        self._template = template

    def render(self, context: Mapping[str, object]) -> str:
        """The text for one recipient; what is undefined is empty. Raises TemplateProblem and nothing else."""
        try:
            return self._template.render(**context)
        except Exception as error:  # filters raise what Python raises: OverflowError, TypeError, …
            raise _problem(error) from error

    def unknown_tags(self) -> list[str]:
        """The variables it asks for that no recipient has."""
        analysis = self._template.analyze(include_partials=False)
        asked = {str(variable) for places in analysis.globals.values() for variable in places}
        return sorted(tag for tag in asked if not tag.startswith(KNOWN_TAGS))


def compile_template(source: str) -> Template:
    """Raises TemplateProblem, with the line, for what does not parse and for filters that do not exist."""
    try:
        template = _environment.from_string(source)
        _refuse_unknown_filters(template, source)
    except (LiquidError, RecursionError) as error:
        raise _problem(error) from error
    return Template(template)


def _refuse_unknown_filters(template: BoundTemplate, source: str) -> None:
    for name, places in template.analyze(include_partials=False).filters.items():
        if name not in _environment.filters:
            raise TemplateProblem(f"unknown filter '{name}'", source.count("\n", 0, places[0].index) + 1)


def _problem(error: Exception) -> TemplateProblem:
    if not isinstance(error, LiquidError):
        return TemplateProblem(f"it cannot be filled in: {error!r}")
    context = error.context()
    return TemplateProblem(str(error.message or error), context[0] if context else None)
