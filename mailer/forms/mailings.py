from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from core.clock import db_now
from core.forms.editing import EditForm
from core.models import User
from mailer.addresses import clean_address
from mailer.forms.rates import most_field, period_field, rate_from, values_of
from mailer.forms.times import WallTimeField, happens_twice
from mailer.history import window_text
from mailer.locks import locked_mailing, locked_message
from mailer.models import AuditEntry, Mailing, Message
from mailer.senders import allowed_addresses, site_name
from mailer.throttling import held_to, set_rate

EDITABLE = (Mailing.Status.DRAFT, Mailing.Status.SCHEDULED)
DEFAULT_WINDOW = timedelta(days=7)
FIELDS = ["message", "from_name", "from_address", "reply_to", "starts_at", "ends_at"]
EVERYONE, CHOSEN = "everyone", "chosen"


class MailingForm(EditForm):
    """A mailing's message, audience and window. Making it asks the database, so that rendering it does not."""

    audience = forms.ChoiceField(
        label=gettext_lazy("To whom"),
        choices=[(EVERYONE, gettext_lazy("Everyone: all my recipients")), (CHOSEN, gettext_lazy("Chosen recipients"))],
        widget=forms.RadioSelect,
        initial=EVERYONE,
        help_text=gettext_lazy("You choose them on the next page."),
    )
    from_address = forms.ChoiceField(label=gettext_lazy("From address"), required=False)
    starts_at = WallTimeField(label=gettext_lazy("Starts"))
    ends_at = WallTimeField(label=gettext_lazy("Ends"), help_text=gettext_lazy("What is not sent by then expires."))
    most = most_field()
    period = period_field()

    class Meta:
        model = Mailing
        fields = FIELDS
        labels = {"from_name": gettext_lazy("From name"), "reply_to": gettext_lazy("Replies go to")}
        help_texts = {
            "reply_to": gettext_lazy("An address that somebody reads. Left empty, replies go to the address above.")
        }

    def __init__(self, actor: User, data: Any = None, *, instance: Mailing, is_gone: bool = False) -> None:
        self.actor = actor
        super().__init__(data, instance=instance, is_gone=is_gone)
        message: Any = self.fields["message"]
        message.queryset = Message.objects.filter(owner=instance.owner_id).order_by("-updated_at", "-pk")
        message.empty_label = _("Choose a message")
        message.choices = list(message.choices)
        self._offer_senders(instance)
        self.initial.update(self._values_of_fields_of_its_own(instance))
        if instance.pk is None:
            now = db_now().replace(second=0, microsecond=0)
            self.initial |= {"starts_at": now, "ends_at": now + DEFAULT_WINDOW}

    def _offer_senders(self, instance: Mailing) -> None:
        address: Any = self.fields["from_address"]
        address.choices = [(one, one) for one in allowed_addresses()]
        if not instance.from_address:
            self.initial["from_address"] = allowed_addresses()[0]
        name = self.fields["from_name"]
        name.widget.attrs["placeholder"] = site_name()
        if site_name():
            name.help_text = _("Left empty, it is %(name)s.") % {"name": site_name()}

    def clean_reply_to(self) -> str:
        address: str = self.cleaned_data["reply_to"].strip()
        return clean_address(address) if address else ""

    def clean_ends_at(self) -> datetime:
        return _not_over(self.cleaned_data["ends_at"])

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        keep_message(self)
        starts_at, ends_at = cleaned.get("starts_at"), cleaned.get("ends_at")
        if starts_at and ends_at and ends_at <= starts_at:
            self.add_error("ends_at", _("The end must come after the start."))
        return cleaned

    def saved_values(self, instance: Mailing) -> dict[str, Any]:
        return super().saved_values(instance) | self._values_of_fields_of_its_own(instance)

    def _values_of_fields_of_its_own(self, instance: Mailing) -> dict[str, Any]:
        rate = held_to(instance.pk).own if instance.pk else None
        return {"audience": EVERYONE if instance.everyone else CHOSEN, **values_of(rate)}

    def compare_with(self, current: Mailing) -> None:
        if current.status in EDITABLE:
            super().compare_with(current)
        else:
            self.offer_as_new(
                _(
                    "This mailing has been launched meanwhile: it can't be edited any more. "
                    "What you chose is still here: save it as a new mailing, or cancel."
                )
            )

    def changed_text(self, current: Mailing) -> str:
        return _(
            "This mailing was changed after you had opened it. What you chose is still here, but not saved. "
            "Save it again to replace what is saved now, or cancel to keep that."
        )

    def gone_text(self) -> str:
        return _("This mailing has been deleted meanwhile. What you chose is still here: save it as a new mailing.")

    def save(self, commit: bool = True) -> Mailing:
        """Inside the transaction in which it was found valid."""
        mailing: Mailing = self.instance
        mailing.everyone = self.cleaned_data["audience"] == EVERYONE
        if mailing.pk is None:
            mailing.save()
        else:
            before = locked_mailing(mailing.pk)
            mailing.save(update_fields=[*FIELDS, "everyone"])
            audit_window(self.actor, before, mailing)
        set_rate(self.actor, rate_from(self.cleaned_data), mailing)
        return mailing

    def times_that_happen_twice(self) -> list[str]:
        """Of the valid form's times, those that the clocks show twice, for a word to the person."""
        times = [self.cleaned_data["starts_at"], self.cleaned_data["ends_at"]]
        return [_shown(moment) for moment in times if happens_twice(moment)]


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


def keep_message(form: forms.ModelForm[Mailing]) -> None:
    """Keep the message that was chosen from being deleted before the transaction ends, or tell that it has been."""
    try:
        if message := form.cleaned_data.get("message"):
            locked_message(message.pk)
    except Message.DoesNotExist:
        form.add_error("message", form.fields["message"].error_messages["invalid_choice"])


def audit_window(actor: User, before: Mailing, after: Mailing) -> None:
    """Write down who moved the mailing's window, if it has moved."""
    was, now = (window_text(mailing.starts_at, mailing.ends_at) for mailing in (before, after))
    if was != now:
        AuditEntry.objects.create(actor=actor, action="window", mailing=after, before=was, after=now)


def _not_over(ends_at: datetime) -> datetime:
    if ends_at <= db_now():
        raise forms.ValidationError(_("This end has passed already."))
    return ends_at


def _shown(moment: datetime) -> str:
    return date_format(timezone.localtime(moment), "SHORT_DATETIME_FORMAT")
