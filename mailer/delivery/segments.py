"""Templates that are text and plain tags, `{{ path }}` and `{{ path | default: "…" }}`: filled in without Liquid.

They are taken from Liquid's own parse tree, so that nothing is parsed twice, and give what Liquid gives. For data that
is neither text nor missing, and for whatever else would need thought, Liquid is asked.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import AnyStr

from liquid.ast import Node
from liquid.builtin.content import ContentNode
from liquid.builtin.expressions import FilteredExpression, Path, PositionalArgument, StringLiteral
from liquid.builtin.expressions.filtered import Filter
from liquid.builtin.output import OutputNode
from markupsafe import escape

from mailer.merge_costs import FILTER_WORK, NODE_WORK, WORK_LIMIT
from mailer.merge_fence import OUTPUT_LIMIT
from mailer.merge_tags import Template

Context = Mapping[str, object]

OF_LIQUID = {"now", "today", "partial"}  # variables that it brings itself
PROPERTIES = {"size", "first", "last"}  # that it gives to any value
FIELD_WORK = 3 * NODE_WORK + FILTER_WORK  # at most: what the fence counts for a field and the text before it


class Unusual(Exception):
    """Data that segments do not judge; Liquid does."""


@dataclass(frozen=True, slots=True)
class Field:
    """One tag: where its value is, and the template's own text where there is none."""

    path: tuple[str, ...]
    default: str
    is_escaped: bool

    def value(self, context: Context) -> str:
        """Raises Unusual for what is neither text nor missing."""
        found: object = context
        try:
            for name in self.path:
                found = found[name]  # type: ignore[index]
        except (KeyError, TypeError, IndexError):
            return self.default
        if found is None or found == "":
            return self.default
        if type(found) is not str:
            raise Unusual
        return str(escape(found)) if self.is_escaped else found


class Segments:
    """Text, field, text, …, text: each field stands between two texts, which may be empty."""

    def __init__(self, texts: tuple[str, ...], fields: tuple[Field, ...]) -> None:
        self.texts = texts
        self.fields = fields
        octets = len("".join(texts).encode())
        work = FIELD_WORK * len(fields) + octets // 4 + sum(2 * len(field.default) for field in fields)
        self._room = min(OUTPUT_LIMIT - octets, WORK_LIMIT - work)

    def values(self, context: Context) -> list[str]:
        """What goes between the texts. Raises Unusual, also where Liquid's limits may be near."""
        values = [field.value(context) for field in self.fields]
        if 4 * len("".join(values)) > self._room:
            raise Unusual
        return values

    def render(self, context: Context) -> str:
        """Raises Unusual."""
        values = self.values(context)
        if not "".join(values).isascii():
            _refuse_half_pairs(values)
        return "".join(alternating(self.texts, values))


def alternating(texts: Sequence[AnyStr], values: Iterable[AnyStr]) -> list[AnyStr]:
    """Text, value, text, …, text."""
    pieces = [texts[0]] * (2 * len(texts) - 1)
    pieces[::2] = texts
    pieces[1::2] = values
    return pieces


def _refuse_half_pairs(values: list[str]) -> None:
    try:
        "".join(values).encode()
    except UnicodeEncodeError as error:
        raise Unusual from error


def segments_of(template: Template) -> Segments | None:
    """The template in segments, or None where it has more than text and plain tags."""
    pieces = [_piece(node, template.is_escaping) for node in template.nodes]
    if None in pieces:
        return None
    texts, fields = [""], []
    for piece in pieces:
        if isinstance(piece, Field):
            fields.append(piece)
            texts.append("")
        elif piece is not None:
            texts[-1] += piece
    return Segments(tuple(texts), tuple(fields))


def _piece(node: Node, is_escaped: bool) -> str | Field | None:
    if isinstance(node, ContentNode):
        return node.text
    if isinstance(node, OutputNode) and isinstance(node.expression, FilteredExpression):
        return _field(node.expression, is_escaped)
    return None


def _field(expression: FilteredExpression, is_escaped: bool) -> Field | None:
    path = _names(expression)
    default = _default(expression.filters or [])
    if not path or default is None or path[0] in OF_LIQUID or PROPERTIES & set(path):
        return None
    return Field(path, default, is_escaped)


def _names(expression: FilteredExpression) -> tuple[str, ...]:
    """The names of a path of names, or nothing."""
    if not isinstance(expression.left, Path) or not all(type(name) is str for name in expression.left.path):
        return ()
    return tuple(str(name) for name in expression.left.path)


def _default(filters: list[Filter]) -> str | None:
    """The text for where there is no value, or None where the filters do more than that."""
    match filters:
        case []:
            return ""
        case [Filter(name="default", args=[PositionalArgument(value=StringLiteral(value=text))])]:
            return text
        case [Filter(name="default", args=[])]:
            return ""
    return None
