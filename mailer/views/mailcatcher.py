"""The mail catcher's inbox: without sign-in, for whoever is on this machine, under the embedded start alone."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from itertools import islice
from typing import Any, Concatenate, ParamSpec

from asgiref.sync import sync_to_async
from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.clickjacking import xframe_options_sameorigin
from django.views.decorators.http import require_POST, require_safe

from core.fence import fenced
from core.loopback import is_loopback
from mailer.mailcatcher.reading import Summary, read, summary_of
from mailer.mailcatcher.store import CaughtMail, Store
from mailer.views.attachments import as_download

P = ParamSpec("P")
View = Callable[Concatenate[HttpRequest, P], Coroutine[Any, Any, HttpResponse]]

PAGE_SIZE = 50


def for_this_machine(view: View[P]) -> View[P]:
    """The view, public, but there only under the embedded start and for clients on this machine."""

    async def guarded(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        if not settings.EMBEDDED or not is_loopback(request.META.get("REMOTE_ADDR", "")):
            raise Http404
        return await view(request, *args, **kwargs)

    return login_not_required(guarded)


def _store() -> Store:
    return Store(settings.DATA_DIR / "mailcatcher")


@for_this_machine
@require_safe
async def inbox(request: HttpRequest) -> HttpResponse:
    search = request.GET.get("q", "").strip()
    older = request.GET.get("older", "")
    mails = await sync_to_async(_page)(search, older)
    context = {
        "mails": mails[:PAGE_SIZE],
        "older": mails[PAGE_SIZE - 1].key if len(mails) > PAGE_SIZE else "",
        "search": search,
        "is_first": not older,
        "count": await sync_to_async(_store().count)(),
    }
    return render(request, "mailer/mailcatcher/inbox.html", context)


def _page(search: str, older: str) -> list[Summary]:
    """One mail more than a page, newest first, that hold the search in an address or the subject."""
    mails = (mail for mail in _store().newest() if not older or mail.key < older)
    summaries = (summary_of(mail) for mail in mails)
    found = (s for s in summaries if search.lower() in f"{s.sender}\n{s.recipient}\n{s.subject}".lower())
    return list(islice(found, PAGE_SIZE + 1))


@for_this_machine
@require_safe
async def mail(request: HttpRequest, key: str) -> HttpResponse:
    reading = await sync_to_async(read)(await _found(key))
    return render(request, "mailer/mailcatcher/mail.html", {"mail": reading})


@for_this_machine
@xframe_options_sameorigin  # the page of a mail shows it in a sandboxed frame
@require_safe
async def html(request: HttpRequest, key: str) -> HttpResponse:
    """The mail's HTML part as it is, fenced in."""
    reading = await sync_to_async(read)(await _found(key))
    return fenced(HttpResponse(reading.html))


@for_this_machine
@require_safe
async def source(request: HttpRequest, key: str) -> HttpResponse:
    found = await _found(key)
    content = await sync_to_async(found.source)()
    return fenced(HttpResponse(content, content_type="text/plain; charset=utf-8"))


@for_this_machine
@require_safe
async def file(request: HttpRequest, key: str, number: int) -> HttpResponse:
    """What came with the mail, to be downloaded."""
    reading = await sync_to_async(read)(await _found(key))
    for one in reading.files:
        if one.number == number:
            return as_download(one.data, one.name)
    raise Http404


@for_this_machine
@require_POST
async def clear(request: HttpRequest) -> HttpResponse:
    await sync_to_async(_store().clear)()
    return redirect("mailcatcher_inbox")


async def _found(key: str) -> CaughtMail:
    found = await sync_to_async(_store().find)(key)
    if found is None:
        raise Http404
    return found
