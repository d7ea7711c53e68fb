"""Every address of the site, from its URL resolver."""

from __future__ import annotations

from collections.abc import Iterator

from django.urls import URLPattern, URLResolver, get_resolver, reverse
from django.urls.resolvers import RegexPattern


def patterns(resolver: URLResolver, namespace: str = "") -> Iterator[tuple[str, URLPattern]]:
    for pattern in resolver.url_patterns:
        if isinstance(pattern, URLResolver):
            yield from patterns(pattern, f"{namespace}{pattern.namespace}:" if pattern.namespace else namespace)
        else:
            yield f"{namespace}{pattern.name}", pattern


URLS = dict(patterns(get_resolver()))
OURS = {name: pattern for name, pattern in URLS.items() if not name.startswith("admin:")}
ADMIN = {name: pattern for name, pattern in URLS.items() if name.startswith("admin:")}


def address(name: str, keys: dict[str, int]) -> str:
    """The address of this name, filled in with somebody's belongings."""
    pattern = URLS[name].pattern
    words = {
        "action": "pause",
        "act": "block",
        "choice": "resend",
        "key": "x",
        "token": "x",
        "uidb36": "1",
        "delivery_pk": keys["delivery"],
    }
    asked = pattern.regex.groupindex if isinstance(pattern, RegexPattern) else pattern.converters
    return reverse(name, kwargs={word: words[word] if word in words else _pk(name, keys) for word in asked})


def _pk(name: str, keys: dict[str, int]) -> int:
    kind = name.partition("_")[0]
    under_way = kind in ("delivery", "attempt") or name in ("mailing_action", "mailing_detail")
    return keys["sending" if under_way else kind]
