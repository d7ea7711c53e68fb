"""What of the site, the account and the clock may be in a mailing's way."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings
from django.contrib.humanize.templatetags.humanize import intcomma
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from mailer.delivery.allowance import Allowance
from mailer.delivery.transport import SMTP_BACKEND
from mailer.domains.names import is_aligned, is_domain
from mailer.durations import duration
from mailer.models import Mailing
from mailer.own_words import ENGINE
from mailer.preflight.findings import Finding
from mailer.preflight.pace import days_at_cap
from mailer.stats.progress import NO_SENDER, sender_notice


def about_sender(domain: str) -> list[Finding]:
    """What speaks against mail from this domain, an A-label."""
    if not settings.DKIM_KEY_FILE:
        words = _("Mail is not signed here (DKIM). Unless your mail server signs it, Gmail and Yahoo may refuse it.")
    elif not is_aligned(domain, settings.DKIM_DOMAIN):
        words = _("Mail from %(domain)s is signed for %(signer)s: DMARC does not count that.")
        words %= {"domain": domain, "signer": settings.DKIM_DOMAIN}
    else:
        return []
    return [Finding(words, check_url(domain), _("Check the domain"))]


def check_url(domain: str) -> str:
    """The page that asks the DNS about it, or "" where that is not asked."""
    return f"{reverse('domain_page')}?domain={domain}" if is_domain(domain) else ""


def about_site() -> list[Finding]:
    found = []
    if not settings.SITE_URL.startswith("https://"):
        found.append(
            Finding(
                _("This site’s address is not https, so mails offer no one-click unsubscribing, which Gmail wants.")
            )
        )
    if settings.EMAIL_BACKEND == SMTP_BACKEND and not settings.EMAIL_HOST:
        found.append(Finding(_("No mail server is set (EMAIL_HOST): nothing goes out until there is one.")))
    notice = sender_notice()
    if notice and notice.code == NO_SENDER:
        found.append(Finding(_("No sender is running. It waits until one is started.")))
    elif notice:
        words = _("It waits for the mail server, with which there is trouble at present: %(words)s")
        found.append(Finding(words % {"words": ENGINE.told(notice.words)}))
    return found


def about_account(allowance: Allowance | None, n: int) -> list[Finding]:
    """What the cap of a new account does to so many mails."""
    if allowance is None:
        return []
    if settings.SENDING_REQUIRES_APPROVAL:
        return [Finding(_("A new account sends nothing before a manager allows it: until then it waits."))]
    days = days_at_cap(n, allowance)
    return [Finding(_capped(allowance, days))] if days else []


def _capped(allowance: Allowance, days: int) -> str:
    return ngettext(
        "A new account sends at most %(most)s mails a day. %(left)s go at once, the rest within about %(days)s day, "
        "or once a manager lifts the cap.",
        "A new account sends at most %(most)s mails a day. %(left)s go at once, the rest within about %(days)s days, "
        "or once a manager lifts the cap.",
        days,
    ) % {"most": intcomma(settings.NEW_ACCOUNT_DAILY_CAP), "left": intcomma(allowance.left), "days": days}


def about_window(mailing: Mailing, action: str, takes: int | None, begins: datetime) -> list[Finding]:
    """`takes` is how many seconds it will take, `begins` when the first mail goes."""
    edit = reverse("mailing_edit", args=[mailing.pk]), _("Change the window")
    left = mailing.ends_at - begins
    found = []
    if action == "schedule" and begins > mailing.starts_at:
        found.append(Finding(_("Its window has begun already: scheduled, it starts at once."), *edit))
    if takes is not None and timedelta(0) < left < timedelta(seconds=takes):
        words = _(
            "The window is too short: it will take about %(takes)s, and %(left)s are left. What is not sent expires."
        )
        shown = {"takes": duration(takes), "left": duration(int(left.total_seconds()))}
        found.append(Finding(words % shown, *edit))
    return found
