"""Merge tags in subjects and bodies: Liquid, fenced. Never Django's templates on user text: those can call methods."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator, Mapping

from django.utils.translation import gettext as _
from liquid import BoundTemplate, RenderContext
from liquid.ast import Node
from liquid.builtin.expressions import Filter, FilteredExpression, KeywordArgument
from liquid.exceptions import LiquidError
from liquid.expression import Expression

from mailer.merge_fence import FencedEnvironment

RECIPIENT_TAGS = ("recipient.full_name", "recipient.email", "recipient.comment")
KNOWN_TAGS = (*RECIPIENT_TAGS, "mailing.subject", "unsubscribe_url")
EXAMPLE = {"full_name": "Ana Novák", "email": "ana@example.com", "comment": "met at the fair"}
BARE_EXAMPLE = {"full_name": "", "email": "ana@example.com", "comment": ""}


class TemplateProblem(ValueError):
    """A template that cannot be used; its text says why, `line` where (from 1), if that is known."""

    def __init__(self, message: str, line: int | None = None) -> None:
        super().__init__(message)
        self.line = line


_environment = FencedEnvironment()
_html_environment = FencedEnvironment(autoescape=True)


class Template:
    """A compiled template: compile once per mailing, render per recipient."""

    def __init__(self, template: BoundTemplate, asked: set[str]) -> None:
        self._template = template
        self._asked = asked

    def render(self, context: Mapping[str, object]) -> str:
        """The text for one recipient; what is undefined is empty. Raises TemplateProblem and nothing else."""
        try:
            return self._template.render(**context)
        except Exception as error:  # filters raise what Python raises: OverflowError, TypeError, …
            raise _problem(error) from error

    def unknown_tags(self, known: Iterable[str] = KNOWN_TAGS) -> list[str]:
        """The variables it asks for that nobody has. A subject knows fewer of them than a body."""
        return sorted(self._asked - set(known) - {f"{tag}.size" for tag in known})

    def asks_for(self, tag: str) -> bool:
        return tag in self._asked


def compile_template(source: str, *, escape: bool = False) -> Template:
    """Raises TemplateProblem alone, with the line: for what does not parse, for filters that do not exist or cannot
    take what they are given, wherever they stand.

    With `escape` it is a template of HTML: what is filled in stays text, in elements and in quoted attributes.
    """
    try:
        template = (_html_environment if escape else _environment).from_string(source)
        for applied in _filters(template):
            _refuse_unusable(applied, source)
        return Template(template, _asked_for(template))
    except TemplateProblem:
        raise
    except Exception as error:  # the library's parser, too, raises what Python raises
        raise _problem(error) from error


def _asked_for(template: BoundTemplate) -> set[str]:
    """The variables that it does not make itself, by their whole names."""
    analysis = template.analyze(include_partials=False)
    return {str(variable) for places in analysis.globals.values() for variable in places}


def _filters(template: BoundTemplate) -> Iterator[Filter]:
    """Every filter of the template, those in branches that are seldom taken too."""
    context = RenderContext(template)
    for node in template.nodes:
        yield from _filters_below(node, context)


def _filters_below(node: Node, context: RenderContext) -> Iterator[Filter]:
    for expression in node.expressions():
        yield from _filters_in(expression)
    for child in node.children(context, include_partials=False):
        yield from _filters_below(child, context)


def _filters_in(expression: Expression) -> Iterator[Filter]:
    if isinstance(expression, FilteredExpression):
        yield from expression.filters or ()
    for child in expression.children():
        yield from _filters_in(child)


def _refuse_unusable(applied: Filter, source: str) -> None:
    """Raises TemplateProblem for a filter that does not exist, or has too few, too many or unknown arguments."""
    line = source.count("\n", 0, applied.token.start_index) + 1
    function = _environment.filters.get(applied.name)
    if function is None:
        raise TemplateProblem(_("unknown filter “%(name)s”") % {"name": applied.name}, line)
    named = [arg.name for arg in applied.args if isinstance(arg, KeywordArgument)]
    positional = [None] * (len(applied.args) - len(named))
    given_by_liquid = {"environment": None} if getattr(function, "with_environment", False) else {}
    try:
        inspect.signature(function).bind(None, *positional, **dict.fromkeys(named), **given_by_liquid)
    except TypeError as error:
        raise TemplateProblem(f"{applied.name}: {error}", line) from error


def _problem(error: Exception) -> TemplateProblem:
    if not isinstance(error, LiquidError):
        return TemplateProblem(_("it cannot be filled in: %(error)s") % {"error": repr(error)})
    context = error.context()
    return TemplateProblem(str(error.message or error), context[0] if context else None)
