"""What of a mailing's content may turn out badly, seen in one mail of it."""

from __future__ import annotations

from dataclasses import dataclass, field

from django.conf import settings
from django.contrib.humanize.templatetags.humanize import intcomma
from django.db.models import Sum
from django.template.defaultfilters import filesizeformat
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from mailer.merge_tags import EXAMPLE, TemplateProblem, compile_template
from mailer.models import Mailing, Message
from mailer.preflight.crowd import EMPTY, Crowd, sample_of
from mailer.preflight.findings import Finding
from mailer.preflight.links import IN_TEXT, links_in
from mailer.preflight.postal import has_address
from mailer.preflight.printing import printed_bare
from mailer.writing.attaching import attachments_of
from mailer.writing.checks import CLIPPED_AT, Checked, check, told
from mailer.writing.filling import Filled, filled

LONG_SUBJECT = 70  # characters; most programs show no more in a list
LARGE = 5 * 1024 * 1024  # bytes of one mail, as it travels
SHOWN_LINKS = 5
IN_BASE64 = 78 / 57  # bytes for a byte: lines of 76 characters and their ends


@dataclass(frozen=True)
class Looked:
    """One mail's subject and sizes (bytes), what keeps the mailing from going, and what may turn out badly."""

    subject: str = ""
    html_size: int = 0
    size: int = 0
    blockers: list[Finding] = field(default_factory=list)
    warnings: list[Finding] = field(default_factory=list)


def complaints_about(message: Message) -> list[Finding]:
    """Why mails can't be made of the message."""
    return _complaints(message, _checked(message))


def look_at(mailing: Mailing, crowd: Crowd) -> Looked:
    """Seen in the mail of one recipient whom it would reach, or of an example."""
    message, checked = mailing.message, _checked(mailing.message)
    if complaints := _complaints(message, checked):
        return Looked(blockers=complaints)
    person = sample_of(mailing)
    fields = {name: getattr(person, name) for name in EXAMPLE} if person else EXAMPLE
    try:
        mail = filled(message.subject, checked.finished, fields)
    except TemplateProblem as problem:
        return Looked(blockers=[_in_editor(message, told(problem))])
    html_size = len(mail.html.encode())
    files = attachments_of(message.pk).aggregate(size=Sum("size", default=0))["size"]
    size = len(mail.text.encode()) + html_size + round(files * IN_BASE64)
    said = [
        *checked.warnings,
        *_about_subject(mail.subject, bool(message.subject.strip())),
        *_about_size(html_size if len(checked.finished.html.encode()) <= CLIPPED_AT else 0, size, crowd.reached),
        *_about_links(mail),
        *_about_address(mail),
    ]
    warnings = [*_about_fields(mailing, checked, crowd), *(_in_editor(message, words) for words in said)]
    return Looked(mail.subject, html_size, size, [], warnings)


def _checked(message: Message) -> Checked:
    return check(message, set(attachments_of(message.pk).values_list("content_id", flat=True)))


def _complaints(message: Message, checked: Checked) -> list[Finding]:
    return [_in_editor(message, words) for texts in checked.complaints.values() for words in texts]


def _in_editor(message: Message, words: str) -> Finding:
    return Finding(words, reverse("message_edit", args=[message.pk]), _("Edit the message"))


def _about_fields(mailing: Mailing, checked: Checked, crowd: Crowd) -> list[Finding]:
    """Fields that some lack, where the message prints them without a default."""
    sources = ((mailing.message.subject, False), (checked.finished.text, False), (checked.finished.html, True))
    printed = set().union(*(printed_bare(compile_template(source, escape=escape)) for source, escape in sources))
    return [
        Finding(
            ngettext(
                "{{ recipient.%(field)s }} is empty for %(n)s recipient, and has no default.",
                "{{ recipient.%(field)s }} is empty for %(n)s recipients, and has no default.",
                n,
            )
            % {"field": name, "n": intcomma(n)},
            f"{reverse('mailing_people', args=[mailing.pk])}?group={EMPTY}{name}",
            _("Show them"),
        )
        for name, n in crowd.empty.items()
        if n and name in printed
    ]


def _about_subject(subject: str, is_written: bool) -> list[str]:
    if is_written and not subject.strip():
        return [_("Filled in, its subject is empty.")]
    if len(subject) > LONG_SUBJECT:
        long = _("Its subject has %(n)s characters: most mail programs show %(most)s at most, phones about 40.")
        return [long % {"n": len(subject), "most": LONG_SUBJECT}]
    return []


def _about_size(html_size: int, size: int, n: int) -> list[str]:
    found = []
    if html_size > CLIPPED_AT:
        found.append(_("Filled in, its HTML is larger than 102 kB: Gmail cuts it off there."))
    if size > LARGE:
        words = _("Each mail has %(size)s, together %(all)s. Some servers refuse mails of 10 MB and more.")
        found.append(words % {"size": filesizeformat(size), "all": filesizeformat(size * max(n, 1))})
    return found


def _about_links(mail: Filled) -> list[str]:
    links = links_in(mail.text, mail.html, settings.SITE_URL)
    found = []
    if links.broken:
        found.append(_("Links that lead nowhere: %(links)s.") % {"links": _some(links.broken)})
    if links.unencrypted:
        words = _("Links and pictures without https, which mail programs warn of or do not show: %(links)s.")
        found.append(words % {"links": _some(links.unencrypted)})
    return found


def _some(addresses: list[str]) -> str:
    shown = [address[:100] or "“”" for address in addresses[:SHOWN_LINKS]]
    return ", ".join(shown) + (" …" if len(addresses) > SHOWN_LINKS else "")


def _about_address(mail: Filled) -> list[str]:
    if has_address(IN_TEXT.sub(" ", mail.text)):
        return []
    return [
        _(
            "No postal address was found in it. Many countries want the sender’s in every advertising mail, "
            "such as the USA (CAN-SPAM) and Germany."
        )
    ]
