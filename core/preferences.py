"""A person's own language and time zone: on every page, and in the mails about their account."""

from __future__ import annotations

from contextlib import AbstractContextManager
from datetime import tzinfo
from zoneinfo import ZoneInfo

from asgiref.sync import sync_to_async
from django.conf import settings
from django.http import HttpRequest, HttpResponseBase
from django.utils import timezone, translation
from django.utils.decorators import async_only_middleware

from core.middleware import Answering
from core.models import User


def zone_of(user: User) -> tzinfo:
    """The user's time zone; the site's where they have chosen none, or one that is no more."""
    try:
        return ZoneInfo(user.time_zone) if user.time_zone else timezone.get_default_timezone()
    except (OSError, ValueError, LookupError):  # what zoneinfo raises for names that are none
        return timezone.get_default_timezone()


def is_spoken(language: str) -> bool:
    """Whether the site can speak this language."""
    return language in dict(settings.LANGUAGES)


def in_language_of(email: str) -> AbstractContextManager[None]:
    """The language of the account with this address; the current one where there is none or none is known."""
    spoken = User.objects.filter(email__iexact=email).values_list("language", flat=True).first() or ""
    return translation.override(spoken if is_spoken(spoken) else translation.get_language())


@async_only_middleware
def preferences_middleware(get_response: Answering) -> Answering:
    """A signed-in user's language and time zone, while their request is answered. Loads the user, in one hop."""

    async def answer(request: HttpRequest) -> HttpResponseBase:
        user = await sync_to_async(_signed_in)(request)
        if user is not None and is_spoken(user.language):
            translation.activate(user.language)  # LocaleMiddleware, which is around this one, names it in the answer
            request.LANGUAGE_CODE = translation.get_language()
        with timezone.override(zone_of(user) if user else None):
            return await get_response(request)

    return answer


def _signed_in(request: HttpRequest) -> User | None:
    return request.user if isinstance(request.user, User) and request.user.is_authenticated else None
