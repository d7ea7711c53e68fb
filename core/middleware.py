from __future__ import annotations

from django.http import HttpRequest, HttpResponseBase, HttpResponseNotFound
from servestatic.middleware import ServeStaticMiddleware
from servestatic.responders import MissingFileError


class StaticFilesMiddleware(ServeStaticMiddleware):
    """Static files, where a missing one is a 404 under DEBUG too: a browser's tools ask for source maps."""

    async def __call__(self, request: HttpRequest) -> HttpResponseBase:
        try:
            return await super().__call__(request)
        except MissingFileError as error:
            return HttpResponseNotFound(str(error), content_type="text/plain; charset=utf-8")
