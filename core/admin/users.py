from __future__ import annotations

from typing import Any

from allauth.account.models import EmailAddress
from django import forms
from django.contrib import admin
from django.contrib.auth.admin import UserAdmin as DjangosUserAdmin
from django.contrib.auth.forms import AdminPasswordChangeForm, AdminUserCreationForm, UserChangeForm
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from core.admin.bounded import LockingAdmin
from core.models import User
from core.passwords import save_password

TELLING = ("is_staff", "is_superuser")
RIGHTS = (*TELLING, "groups")


class OneAccountPerAddress(forms.ModelForm):  # type: ignore[type-arg]  # not generic at run time
    """Tells at the field what the database's constraint would refuse: an address that is taken, in any capitals."""

    def clean_email(self) -> str:
        email = User.objects.normalize_email(self.cleaned_data["email"])
        if User.objects.filter(email__iexact=email).exclude(pk=self.instance.pk).exists():
            raise ValidationError(_("This address has an account."))
        return email


class NewUserForm(OneAccountPerAddress, AdminUserCreationForm):  # type: ignore[type-arg]
    class Meta:
        model = User
        fields = ("email",)
        field_classes: dict[str, Any] = {}


class ChangedUserForm(OneAccountPerAddress, UserChangeForm):  # type: ignore[type-arg]
    class Meta:
        model = User
        fields = ("email",)
        field_classes: dict[str, Any] = {}
        help_texts = {"is_active": ""}  # it is only read here


class NewPasswordForm(AdminPasswordChangeForm):  # type: ignore[type-arg]
    def save(self, commit: bool = True) -> User:
        """Unless the account has been given rights since it was asked who may touch it."""
        user: User = super().save(commit=False)  # takes long, and SQLite has one writer
        save_password(user, **{right: False for right in TELLING if not getattr(user, right)})
        return user


@admin.register(User)
class UserAdmin(LockingAdmin, DjangosUserAdmin):  # type: ignore[type-arg]
    """Who is no superuser gives no rights, and leaves alone who has some: a new password would be a way to them."""

    form = ChangedUserForm
    add_form = NewUserForm
    change_password_form = NewPasswordForm
    list_display = ("email", "full_name", "is_active", "is_staff", "is_superuser", "date_joined", "last_login")
    list_filter = ("is_active", "is_staff", "is_superuser", "date_joined")
    search_fields = ("email", "full_name")
    ordering = ("-pk",)
    filter_horizontal = ("groups",)
    readonly_fields = ("is_active", "sending_allowed_at", "time_zone", "language", "last_login", "date_joined")
    fieldsets = (
        (None, {"fields": ("email", "password")}),
        (gettext_lazy("Person"), {"fields": ("full_name", "time_zone", "language")}),
        (
            gettext_lazy("Rights"),
            {
                "fields": ("is_active", "sending_allowed_at", *RIGHTS),
                "description": gettext_lazy(
                    "Accounts are blocked and unblocked on the users page, which signs them out, pauses their mailings "
                    "and records it."
                ),
            },
        ),
        (gettext_lazy("Dates"), {"fields": ("last_login", "date_joined")}),
    )
    add_fieldsets = (
        (None, {"classes": ("wide",), "fields": ("email", "full_name", "usable_password", "password1", "password2")}),
    )

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> Any:
        fields = tuple(super().get_readonly_fields(request, obj))
        return fields if _is_superuser(request) else (*fields, *RIGHTS)

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return super().has_change_permission(request, obj) and _may_touch(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return super().has_delete_permission(request, obj) and _may_touch(request, obj)

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        going, counts, lacking, forbidding = super().get_deleted_objects(objs, request)
        if forbidding:
            forbidding.append(_("What was sent stays in the ledger. Block the account instead."))
        return going, counts, lacking, forbidding

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        if change and "email" in form.changed_data:
            EmailAddress.objects.filter(user=obj).delete()  # the new one is confirmed at the next sign-in


def _is_superuser(request: HttpRequest) -> bool:
    return request.user.is_authenticated and request.user.is_superuser


def _may_touch(request: HttpRequest, user: User | None) -> bool:
    return user is None or _is_superuser(request) or not (user.is_staff or user.is_superuser)
