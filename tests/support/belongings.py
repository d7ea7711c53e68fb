"""One of everything, for a user whose pages others try."""

from __future__ import annotations

from core.models import User
from mailer.delivery.transitions import change_status
from mailer.models import Attachment, Suppression
from tests.support.mailings import make_mailing, make_recipients


def belongings_of(user: User) -> dict[str, int]:
    """The keys of the user's new objects, by what an address or a field calls them."""
    secret, _hidden = make_recipients(user, "secret@example.com", "hidden@example.com")
    draft = make_mailing(user, subject="A private draft")
    draft.everyone = False
    draft.save()
    sending = change_status(make_mailing(user, subject="Privately under way").pk, "start", user)
    attachment = Attachment.objects.create(
        message=draft.message,
        name="secret.png",
        content_type="image/png",
        content_id="secret@inline",
        size=1,
        data=b"x",
    )
    return {
        "attachment": attachment.pk,
        "user": user.pk,
        "recipient": secret.pk,
        "suppression": Suppression.objects.create(owner=user, address_key="nobody@example.com", reason="manual").pk,
        "message": draft.message_id,
        "mailing": draft.pk,
        "sending": sending.pk,
        "delivery": sending.deliveries.order_by("pk")[0].pk,
    }
