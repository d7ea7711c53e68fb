"""Merge tags in subjects and bodies: Liquid, fenced. Never Django's templates on user text: those can call methods."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator, Mapping

from django.utils.translation import gettext as _
from liquid import BoundTemplate, RenderContext
from liquid.ast import Node
from liquid.builtin.expressions import Filter, FilteredExpression, KeywordArgument
from liquid.builtin.expressions.primitive import IntegerLiteral, RangeLiteral
from liquid.exceptions import LiquidError
from liquid.expression import Expression
from liquid.token import Token

from mailer.merge_fence import LONGEST_RANGE, FencedEnvironment
from mailer.merge_problems import LIQUIDS
from mailer.merge_shape import refuse_costly

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

    @property
    def nodes(self) -> list[Node]:
        """What Liquid has made of the source."""
        return self._template.nodes

    def empty_context(self) -> RenderContext:
        """What Liquid wants to be given when a node is asked what it holds."""
        return RenderContext(self._template)

    @property
    def is_escaping(self) -> bool:
        return self._template.env.autoescape

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

    With `escape` it is a template of HTML: what is filled in stays text, in elements and in quoted attributes. A link
    that data is put into needs `| url_encode` besides.
    """
    try:
        source.encode()  # a half of a surrogate pair goes into no mail
        refuse_costly(source)
        template = (_html_environment if escape else _environment).from_string(source)
        for expression in _expressions(template):
            _refuse_unusable(expression, source)
        return Template(template, _asked_for(template))
    except TemplateProblem:
        raise
    except Exception as error:  # the library's parser, too, raises what Python raises
        raise _problem(error) from error


def _asked_for(template: BoundTemplate) -> set[str]:
    """The variables that it does not make itself, by their whole names."""
    analysis = template.analyze(include_partials=False)
    return {str(variable) for places in analysis.globals.values() for variable in places}


def _expressions(template: BoundTemplate) -> Iterator[Expression]:
    """Every expression of the template, those in branches that are seldom taken too."""
    context = RenderContext(template)
    for node in template.nodes:
        yield from _expressions_below(node, context)


def _expressions_below(node: Node, context: RenderContext) -> Iterator[Expression]:
    for expression in node.expressions():
        yield from _with_children(expression)
    for child in node.children(context, include_partials=False):
        yield from _expressions_below(child, context)


def _with_children(expression: Expression) -> Iterator[Expression]:
    yield expression
    for child in expression.children():
        yield from _with_children(child)


def _refuse_unusable(expression: Expression, source: str) -> None:
    match expression:
        case FilteredExpression():
            for applied in expression.filters or ():
                _refuse_unusable_filter(applied, source)
        case RangeLiteral():
            _refuse_wide_range(expression, source)


def _refuse_wide_range(numbers: RangeLiteral, source: str) -> None:
    """Raises TemplateProblem for a range that may be long: Liquid counts through it before any limit is asked."""
    match numbers.start, numbers.stop:
        case IntegerLiteral(value=start), IntegerLiteral(value=stop) if stop - start < LONGEST_RANGE:
            return
    message = _("a range goes from number to number, over %(most)s at most") % {"most": LONGEST_RANGE}
    raise TemplateProblem(message, _line(source, numbers.token))


def _refuse_unusable_filter(applied: Filter, source: str) -> None:
    """Raises TemplateProblem for a filter that does not exist, or has too few, too many or unknown arguments."""
    line = _line(source, applied.token)
    function = _environment.filters.get(applied.name)
    if function is None:
        raise TemplateProblem(_("unknown filter “%(name)s”") % {"name": applied.name}, line)
    named = [arg.name for arg in applied.args if isinstance(arg, KeywordArgument)]
    positional = [None] * (len(applied.args) - len(named))
    given_by_liquid = {"environment": None} if getattr(function, "with_environment", False) else {}
    try:
        inspect.signature(function).bind(None, *positional, **dict.fromkeys(named), **given_by_liquid)
    except TypeError as error:
        raise TemplateProblem(LIQUIDS.told(f"{applied.name}: {error}"), line) from error


def _line(source: str, token: Token) -> int:
    return source.count("\n", 0, token.start_index) + 1


def _problem(error: Exception) -> TemplateProblem:
    if not isinstance(error, LiquidError):
        return TemplateProblem(_("it cannot be filled in: %(error)s") % {"error": repr(error)})
    context = error.context()
    return TemplateProblem(LIQUIDS.told(str(error.message or error)), context[0] if context else None)
