from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from core.clock import db_now
from core.models import User
from mailer.delivery.schedule import TransitionRefused, locked
from mailer.forms.times import WallTimeField, happens_twice
from mailer.models import AuditEntry, Mailing, Message

EDITABLE = (Mailing.Status.DRAFT, Mailing.Status.SCHEDULED)
DEFAULT_WINDOW = timedelta(days=7)
EVERYONE, CHOSEN = "everyone", "chosen"


class MailingForm(forms.ModelForm):  # type: ignore[type-arg]  # not generic at run time
    """A mailing's message, audience and window. Making it asks the database, so that rendering it does not."""

    audience = forms.ChoiceField(
        label=gettext_lazy("To whom"),
        choices=[(EVERYONE, gettext_lazy("Everyone: all my recipients")), (CHOSEN, gettext_lazy("Chosen recipients"))],
        widget=forms.RadioSelect,
        initial=EVERYONE,
        help_text=gettext_lazy("You choose them on the next page."),
    )
    starts_at = WallTimeField(label=gettext_lazy("Starts"))
    ends_at = WallTimeField(label=gettext_lazy("Ends"), help_text=gettext_lazy("What is not sent by then expires."))

    class Meta:
        model = Mailing
        fields = ["message", "starts_at", "ends_at"]

    def __init__(self, actor: User, data: Any = None, *, instance: Mailing) -> None:
        self.actor = actor
        super().__init__(data, instance=instance)
        message: Any = self.fields["message"]
        message.queryset = Message.objects.filter(owner=instance.owner_id).order_by("-updated_at", "-pk")
        message.empty_label = _("Choose a message")
        message.choices = list(message.choices)
        self.initial["audience"] = EVERYONE if instance.everyone else CHOSEN
        if instance.pk is None:
            now = db_now().replace(second=0, microsecond=0)
            self.initial |= {"starts_at": now, "ends_at": now + DEFAULT_WINDOW}

    def clean_ends_at(self) -> datetime:
        return _not_over(self.cleaned_data["ends_at"])

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        starts_at, ends_at = cleaned.get("starts_at"), cleaned.get("ends_at")
        if starts_at and ends_at and ends_at <= starts_at:
            self.add_error("ends_at", _("The end must come after the start."))
        return cleaned

    def save(self, commit: bool = True) -> Mailing:
        """Inside a transaction. Raises TransitionRefused where the mailing has been launched meanwhile."""
        mailing: Mailing = self.instance
        mailing.everyone = self.cleaned_data["audience"] == EVERYONE
        if mailing.pk is None:
            mailing.save()
            return mailing
        before = locked(mailing.pk)
        if before.status not in EDITABLE:
            raise TransitionRefused(_("This mailing has been launched meanwhile: it can't be edited any more."))
        mailing.save(update_fields=["message", "everyone", "starts_at", "ends_at"])
        self._audit_window(before)
        return mailing

    def times_that_happen_twice(self) -> list[str]:
        """Of the valid form's times, those that the clocks show twice, for a word to the person."""
        times = [self.cleaned_data["starts_at"], self.cleaned_data["ends_at"]]
        return [_shown(moment) for moment in times if happens_twice(moment)]

    def _audit_window(self, before: Mailing) -> None:
        windows = [
            f"{mailing.starts_at:%Y-%m-%dT%H:%MZ}/{mailing.ends_at:%Y-%m-%dT%H:%MZ}"
            for mailing in (before, self.instance)
        ]
        if windows[0] != windows[1]:
            AuditEntry.objects.create(
                actor=self.actor, action="window", mailing=self.instance, before=windows[0], after=windows[1]
            )


class NewEndForm(forms.Form):
    """What *Send now* asks for after the window's end."""

    ends_at = WallTimeField(label=gettext_lazy("New end"))

    def clean_ends_at(self) -> datetime:
        return _not_over(self.cleaned_data["ends_at"])


class ChoiceForm(NewEndForm):
    """A person's choice about deliveries: what they had seen, and a new end where sending needs one."""

    seen = forms.IntegerField(min_value=0, widget=forms.HiddenInput)

    def __init__(self, data: Any = None, *, seen: int, needs_end: bool) -> None:
        super().__init__(data, initial={"seen": seen})
        if not needs_end:
            del self.fields["ends_at"]


def _not_over(ends_at: datetime) -> datetime:
    if ends_at <= db_now():
        raise forms.ValidationError(_("This end has passed already."))
    return ends_at


def _shown(moment: datetime) -> str:
    return date_format(timezone.localtime(moment), "SHORT_DATETIME_FORMAT")
