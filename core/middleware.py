from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponseBase, HttpResponseNotFound
from django.utils.deprecation import MiddlewareMixin
from servestatic.middleware import ServeStaticMiddleware
from servestatic.responders import MissingFileError


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
