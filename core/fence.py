"""Other people's content, fenced in: nothing of it runs or calls home, also when it is opened outside its frame."""

from __future__ import annotations

from django.http import HttpResponse
from django.utils.cache import patch_cache_control

FENCE = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src {}; frame-ancestors 'self'; base-uri 'none'"


def fenced(response: HttpResponse, pictures_from: str = "data:") -> HttpResponse:
    """The response, to be shown in a sandboxed frame; `pictures_from` lists sources as in img-src."""
    response["Content-Security-Policy"] = FENCE.format(pictures_from) + "; form-action 'none'"
    response["X-Content-Type-Options"] = "nosniff"
    response["Referrer-Policy"] = "no-referrer"
    patch_cache_control(response, private=True, no_store=True)
    return response
