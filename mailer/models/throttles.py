from __future__ import annotations

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Value
from django.db.models.functions import Coalesce
from django.utils.translation import gettext_lazy as _

from mailer.models.mailings import Mailing
from mailer.rates import MINUTE, SECOND, Rate

FASTEST = 100_000


class Throttle(models.Model):
    """How fast a mailing may go, or without one the whole site. No row: as fast as the mail server takes it.

    Claims keep the limit here, under the row's lock (`delivery/limits.py`).
    """

    class Period(models.IntegerChoices):
        IN_A_SECOND = SECOND, _("second")
        IN_A_MINUTE = MINUTE, _("minute")

    mailing = models.OneToOneField(
        Mailing, models.CASCADE, null=True, related_name="throttle", verbose_name=_("mailing")
    )
    most = models.PositiveIntegerField(_("at most"), validators=[MinValueValidator(1), MaxValueValidator(FASTEST)])
    period = models.PositiveSmallIntegerField(_("per"), choices=Period.choices, default=Period.IN_A_SECOND)
    last_slot_at = models.DateTimeField(_("last slot"), null=True, editable=False)
    turn = models.PositiveBigIntegerField(
        _("turn"), null=True, editable=False, help_text=_("The mailing that had the site’s last slot.")
    )

    class Meta:
        verbose_name = _("throttle")
        verbose_name_plural = _("throttles")
        constraints = [
            models.UniqueConstraint(Coalesce("mailing", Value(0)), name="throttle_once"),
            models.CheckConstraint(condition=models.Q(most__gte=1, period__gte=1), name="throttle_lets_something_pass"),
        ]

    def __str__(self) -> str:
        return str(self.rate)

    @property
    def rate(self) -> Rate:
        return Rate(self.most, self.period)
