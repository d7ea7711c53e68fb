from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

LONGEST_WINDOW = 600  # seconds, of ACCOUNT_RATE_LIMITS


def too_many_requests(request: HttpRequest) -> HttpResponse:
    """The page for whoever meets a rate limit."""
    response = render(request, "429.html", status=429)
    response["Retry-After"] = str(LONGEST_WINDOW)
    return response
