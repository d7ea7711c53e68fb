"""What a message becomes: the plain-text template, and the finished HTML template where it has one."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import Any

import css_inline

from mailer.writing.hiding import Hidden, HiddenTag, around_tags, hide
from mailer.writing.markdown import page_of
from mailer.writing.markup import Markup, read_markup
from mailer.writing.plain import plain_text
from mailer.writing.sanitise import sanitised
from mailer.writing.styling import is_too_much

TEXT, MARKDOWN, HTML = "text", "markdown", "html"

_inliner = css_inline.CSSInliner(keep_at_rules=True, load_remote_stylesheets=False)


@dataclass(frozen=True)
class Finished:
    """Both templates; `html` is empty for text alone. `lost` are merge tags that stand where they can't stay."""

    text: str
    html: str = ""
    lost: tuple[HiddenTag, ...] = ()
    left_out: tuple[str, ...] = ()  # tags and attributes that mail may not have
    is_overstyled: bool = False  # its style sheets would grow too large in the elements, so they stay as they are


def finish(kind: str, subject: str, body: str, alternative: str = "") -> Finished:
    """`alternative` is the person's own plain text; where it is blank, it is made from the HTML. Raises nothing."""
    if kind == TEXT:
        return Finished(body)
    hidden = hide(body)
    if kind == MARKDOWN:
        hidden = page_of(hidden)
    markup = read_markup(hidden)
    page = _page(markup)
    is_overstyled = is_too_much(page, hidden.restored)
    if not is_overstyled:
        page = _inlined(page)
    text = alternative if alternative.strip() else hidden.restored(plain_text(hidden, page))
    html = hidden.restored(page).replace("<title></title>", f"<title>{around_tags(subject, escape)}</title>", 1)
    return Finished(text, html, _lost(hidden, markup, page), tuple(sorted(markup.left_out)), is_overstyled)


def _page(markup: Markup) -> str:
    language = f' lang="{markup.language}"' if markup.language else ""
    metas = "".join(
        f'<meta name="{name}" content="{escape(content)}">' for name, content in sorted(markup.metas.items())
    )
    return (
        f'<!DOCTYPE html>\n<html{language}><head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">{metas}<title></title></head>\n'
        f"{_body_tag(markup)}\n{sanitised(markup.content)}\n</body></html>\n"
    )


def _body_tag(markup: Markup) -> str:
    attributes = "".join(f' {name}="{escape(value)}"' for name, value in markup.body_attributes if name.isalnum())
    return sanitised(f"<div{attributes}></div>").replace("<div", "<body", 1).removesuffix("</div>")


def _inlined(page: str) -> str:
    try:
        inlined: Any = _inliner.inline(page)
    except (css_inline.InlineError, ValueError):  # a style sheet that can't be read stays as it is
        return page
    return str(inlined)


def _lost(hidden: Hidden, markup: Markup, page: str) -> tuple[HiddenTag, ...]:
    """What a style sheet prints for no element is no loss."""
    lost = hidden.numbers_in(markup.content) - hidden.numbers_in(page)
    return tuple(hidden.tags[n] for n in sorted(lost) if n not in markup.in_styles or not hidden.tags[n].is_output)
