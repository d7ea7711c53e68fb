"""Every address of the site, from its URL resolver."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from django.urls import URLPattern, URLResolver, get_resolver, reverse
from django.urls.resolvers import RegexPattern

GROUP = re.compile(r"\(\?P<(\w+)>[^)]*\)|<(?:\w+:)?(\w+)>")  # of a regular expression, or of a route


def patterns(resolver: URLResolver, namespace: str = "", route: str = "") -> Iterator[tuple[str, URLPattern]]:
    """By name; one that has no name by its whole route, which begins with a slash."""
    for pattern in resolver.url_patterns:
        if isinstance(pattern, URLResolver):
            inner = f"{namespace}{pattern.namespace}:" if pattern.namespace else namespace
            yield from patterns(pattern, inner, route + str(pattern.pattern))
        else:
            yield f"{namespace}{pattern.name or f'/{route}{pattern.pattern}'}", pattern


ALL = list(patterns(get_resolver()))
URLS = dict(ALL)
OURS = {name: pattern for name, pattern in URLS.items() if not name.startswith("admin:")}
ADMIN = {name: pattern for name, pattern in URLS.items() if name.startswith("admin:")}


def address(name: str, keys: dict[str, int]) -> str:
    """The address of this name, filled in with somebody's belongings."""
    words = {
        "action": "pause",
        "act": "block",
        "choice": "resend",
        "key": "x",
        "token": "x",
        "uidb36": "1",
        "delivery_pk": keys["delivery"],
        "attachment_pk": keys["attachment"],
        "number": 1,
    }
    return reverse(name, kwargs={word: words[word] if word in words else _pk(name, keys) for word in _asked(name)})


def admin_address(name: str, keys: dict[str, int]) -> str:
    """The address of this name in the admin, or of this route, about somebody's belongings."""
    words: Mapping[str, object] = {
        "app_label": "mailer",
        "content_type_id": 1,
        "object_id": keys["mailing"],
        "url": "mailer/nothing",
        "id": keys["user"],
        "path": "x",
    }
    _, slash, route = name.partition("/")
    if slash:
        return "/" + GROUP.sub(lambda group: str(words[group[1] or group[2]]), route).rstrip("$")
    return reverse(name, kwargs={word: words[word] for word in _asked(name)})


def _asked(name: str) -> list[str]:
    pattern = URLS[name].pattern
    return list(pattern.regex.groupindex if isinstance(pattern, RegexPattern) else pattern.converters)


def _pk(name: str, keys: dict[str, int]) -> int:
    kind = name.partition("_")[0]
    launched = ("mailing_action", "mailing_content", "mailing_content_preview", "mailing_detail")
    under_way = kind in ("delivery", "attempt") or name in launched
    return keys["sending" if under_way else kind]
