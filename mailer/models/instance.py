from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class Instance(models.Model):
    """Which line of history this database is: one row. A restored copy begins a line of its own (`restored.py`)."""

    token = models.CharField(_("token"), max_length=32)
    forked_from = models.CharField(_("forked from"), max_length=32, blank=True)

    class Meta:
        verbose_name = _("instance")
        verbose_name_plural = _("instances")

    def __str__(self) -> str:
        return self.token
