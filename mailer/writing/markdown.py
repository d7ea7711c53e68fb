"""Markdown as the HTML of a mail that reads well anywhere."""

from __future__ import annotations

import re

from markdown_it import MarkdownIt

from mailer.writing.hiding import Hidden

# Raw HTML is shown as text: whoever wants to write HTML chooses that kind.
_markdown = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])

STYLE = """\
body { margin: 0; padding: 0; background-color: #f4f3ef; color: #1f2624; }
.outer { width: 100%; background-color: #f4f3ef; }
.sheet { width: 100%; max-width: 600px; background-color: #ffffff; border-radius: 8px; }
.content { padding: 32px; font-family: -apple-system, 'Segoe UI', Roboto, Helvetica, Arial, sans-serif; }
.content { font-size: 16px; line-height: 1.6; color: #1f2624; }
h1 { font-size: 26px; line-height: 1.25; margin: 0 0 16px; }
h2 { font-size: 20px; line-height: 1.3; margin: 28px 0 12px; }
h3 { font-size: 17px; line-height: 1.35; margin: 24px 0 8px; }
p, ul, ol, blockquote, pre { margin: 0 0 16px; }
ul, ol { padding-left: 24px; }
li { margin: 0 0 6px; }
a { color: #0f6b5c; }
img { max-width: 100%; height: auto; border: 0; border-radius: 6px; }
blockquote { border-left: 4px solid #d5d2c7; padding: 0 0 0 16px; color: #5a645f; }
code { font-family: Consolas, Menlo, monospace; font-size: 14px; background-color: #f4f3ef; }
pre { background-color: #f4f3ef; padding: 12px; border-radius: 6px; white-space: pre-wrap; }
hr { border: 0; border-top: 1px solid #e2e0d8; margin: 24px 0; }
.content table { border-collapse: collapse; margin: 0 0 16px; }
.content th, .content td { border-bottom: 1px solid #e2e0d8; padding: 8px 12px 8px 0; text-align: left; }
@media (max-width: 640px) { .content { padding: 24px 20px !important; } }
"""
PAGE = """\
<style>{style}</style>
<table class="outer" role="presentation" cellpadding="0" cellspacing="0" border="0"><tr>
<td align="center" style="padding: 24px 12px">
<table class="sheet" role="presentation" align="center" cellpadding="0" cellspacing="0" border="0"><tr>
<td class="content">
{content}</td></tr></table></td></tr></table>
"""


def page_of(hidden: Hidden) -> Hidden:
    """The Markdown text as HTML, with the same marks."""
    content = _unwrapped(hidden, str(_markdown.render(hidden.text)))
    return Hidden(PAGE.format(style=STYLE, content=content), hidden.tags, hidden.prefix)


def _unwrapped(hidden: Hidden, html: str) -> str:
    """Without the paragraphs that hold nothing but tags which print nothing, like an {% if %} on its own line."""

    def unwrap(found: re.Match[str]) -> str:
        silent = not any(hidden.tags[n].is_output for n in hidden.numbers_in(found[1]))
        return found[1] if silent else found[0]

    return re.sub(rf"<p>((?:{hidden.prefix}\d+z\s*)+)</p>", unwrap, html)
