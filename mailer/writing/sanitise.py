"""What HTML in a mail may hold: nothing that runs, nothing that asks for input."""

from __future__ import annotations

import re

import nh3

_TAGS = """
a abbr address article aside b big blockquote br caption center cite code col colgroup dd del dfn div dl dt em
figcaption figure font footer h1 h2 h3 h4 h5 h6 header hr i img ins kbd li main mark nav ol p pre q s samp
section small span strike strong style sub sup table tbody td tfoot th thead time tr tt u ul var wbr
"""
TAGS = frozenset(_TAGS.split())
PAGE_TAGS = frozenset({"html", "head", "body", "title", "meta"})  # the page's own, made anew around the content

SIZES = {"width", "height"}
ATTRIBUTES: dict[str, set[str]] = {
    "*": {"style", "class", "id", "title", "dir", "lang", "align", "valign", "role", "bgcolor", "background", *SIZES},
    "a": {"href", "name", "target"},
    "img": {"src", "alt", "border", "hspace", "vspace"},
    "table": {"border", "cellpadding", "cellspacing"},
    "td": {"colspan", "rowspan", "nowrap"},
    "th": {"colspan", "rowspan", "nowrap", "scope"},
    "col": {"span"},
    "colgroup": {"span"},
    "font": {"color", "face", "size"},
    "hr": {"size", "color", "noshade"},
    "ol": {"start", "type"},
    "ul": {"type"},
    "li": {"value"},
    "time": {"datetime"},
}
SCHEMES = {"http", "https", "mailto", "tel", "sms", "cid", "data"}
PICTURE = re.compile(r"data:image/(?:png|jpeg|gif|webp)[;,]", re.IGNORECASE)
UNSAFE_CSS = re.compile(r"expression\s*\(|javascript\s*:|vbscript\s*:|-moz-binding|behaviou?r\s*:", re.IGNORECASE)
SCRIPT_URL = re.compile(r"(?:java|vb|live)script:", re.IGNORECASE)
SCRIPT_URL_NAME = "javascript:"
BLANK = re.compile(r"[\x00-\x20\x7f-\xa0]+")  # what browsers overlook within a scheme


def sanitised(html: str) -> str:
    """The fragment without anything that runs, asks or is loaded as a page; comments stay."""
    return nh3.clean(
        html,
        tags=set(TAGS),
        clean_content_tags={"script", "title", "noscript", "iframe", "object"},
        attributes=ATTRIBUTES,
        attribute_filter=_attribute,
        generic_attribute_prefixes={"aria-"},
        strip_comments=False,
        link_rel=None,
        url_schemes=SCHEMES,
    )


def is_handler(attribute: str) -> bool:
    """Whether an attribute of this name runs something."""
    return attribute.startswith("on")


def is_script_url(value: str) -> bool:
    return bool(SCRIPT_URL.match(BLANK.sub("", value)))


def _attribute(tag: str, name: str, value: str) -> str | None:
    """The attribute's value as it may stay, or None."""
    if name == "style":
        return UNSAFE_CSS.sub("", value)
    plain = BLANK.sub("", value)
    if SCRIPT_URL.match(plain):
        return None
    if plain.lower().startswith("data:") and not (tag == "img" and name == "src" and PICTURE.match(plain)):
        return None
    return value
