from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from core.admin.addresses import EmailAddressAdmin
from core.admin.users import UserAdmin

__all__ = ["EmailAddressAdmin", "UserAdmin"]

admin.site.site_header = admin.site.site_title = _("Mailing Service")
admin.site.index_title = _("Administration")
