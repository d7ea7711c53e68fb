"""Accounts' addresses, as allauth keeps them. Its own list would count them all, and confirm or delete many at once.

Here they are read: an address is confirmed by its mail.
"""

from __future__ import annotations

import allauth.account.admin  # noqa: F401 - registers its own, which this one replaces
from allauth.account.models import EmailAddress
from django.contrib import admin

from core.admin.bounded import ReadOnlyAdmin

admin.site.unregister(EmailAddress)


@admin.register(EmailAddress)
class EmailAddressAdmin(ReadOnlyAdmin):
    list_display = ("email", "user", "primary", "verified")
    list_filter = ("primary", "verified")
    list_select_related = ("user",)
    search_fields = ("email",)
