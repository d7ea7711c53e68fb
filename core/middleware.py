from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from django.contrib.auth.middleware import LoginRequiredMiddleware
from django.http import HttpRequest, HttpResponseBase, HttpResponseNotAllowed, HttpResponseNotFound
from django.shortcuts import render
from django.utils.decorators import async_only_middleware
from django.utils.deprecation import MiddlewareMixin
from servestatic.middleware import ServeStaticMiddleware
from servestatic.responders import MissingFileError

Answering = Callable[[HttpRequest], Awaitable[HttpResponseBase]]


class StaticFilesMiddleware(ServeStaticMiddleware):
    """Static files, where a missing one is a 404 under DEBUG too: a browser's tools ask for source maps."""

    async def __call__(self, request: HttpRequest) -> HttpResponseBase:
        try:
            return await super().__call__(request)
        except MissingFileError as error:
            return HttpResponseNotFound(str(error), content_type="text/plain; charset=utf-8")


class PermissionsMiddleware(MiddlewareMixin):
    """Loads the user and their permissions before the view, in a thread: on the loop a query is an error."""

    def process_view(self, request: HttpRequest, *_view: Any) -> None:
        if request.user.is_authenticated:
            request.user.get_all_permissions()


class SignedInMiddleware(LoginRequiredMiddleware):
    """Views are for whoever is signed in, unless they say otherwise.

    A form that comes in signed out is answered with how to sign in and send it again: a redirect would lose what was
    typed, and lead back to addresses that take forms alone.
    """

    def handle_no_permission(self, request: HttpRequest, view_func: Any) -> HttpResponseBase:  # type: ignore[override]
        if request.method == "POST":
            return render(request, "403_signed_out.html", status=403)
        return super().handle_no_permission(request, view_func)


@async_only_middleware
def method_middleware(get_response: Answering) -> Answering:
    """A page for a person who opens an address that takes forms alone: Django's answer is empty."""

    async def answer(request: HttpRequest) -> HttpResponseBase:
        response = await get_response(request)
        is_a_persons = "text/html" in request.headers.get("Accept", "")
        if isinstance(response, HttpResponseNotAllowed) and is_a_persons:
            page = render(request, "405.html", status=405)
            page["Allow"] = response["Allow"]
            return page
        return response

    return answer
