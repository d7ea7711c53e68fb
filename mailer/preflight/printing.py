"""Which of a recipient's fields a template prints as they are, so that an empty one leaves a hole."""

from __future__ import annotations

from collections.abc import Iterator

from liquid import RenderContext
from liquid.ast import Node
from liquid.builtin.expressions import FilteredExpression, Path
from liquid.builtin.output import OutputNode
from liquid.expression import Expression

from mailer.merge_tags import Template


def printed_bare(template: Template) -> set[str]:
    """By their names without `recipient.`; not those that have a default, or stand where the field is asked about."""
    context = template.empty_context()
    return {name for node in template.nodes for name in _bare(node, context, frozenset())}


def _bare(node: Node, context: RenderContext, asked: frozenset[str]) -> Iterator[str]:
    if isinstance(node, OutputNode):
        if isinstance(node.expression, FilteredExpression) and (name := _printed(node.expression)) not in (*asked, ""):
            yield name
        return
    asked = asked.union(*(_fields(expression) for expression in node.expressions()))
    for child in node.children(context, include_partials=False):
        yield from _bare(child, context, asked)


def _printed(expression: FilteredExpression) -> str:
    has_default = any(one.name == "default" for one in expression.filters or ())
    return "" if has_default else _field(expression.left)


def _fields(expression: Expression) -> set[str]:
    """Those that an expression asks about."""
    return {_field(expression), *(name for child in expression.children() for name in _fields(child))} - {""}


def _field(expression: Expression) -> str:
    """The recipient's field that it is, or ""."""
    match expression:
        case Path(path=["recipient", str(name)]):
            return name
    return ""
