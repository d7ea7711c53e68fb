"""Why a mailing stopped, or what was chosen: stored as a word and what it quotes, told in its reader's language."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from mailer.own_words import ENGINE

LOGIN_REFUSED = "login_refused"
LOGIN_NEEDED = "login_needed"
ENCRYPTION_NEEDED = "encryption_needed"
MAILING_REFUSED = "mailing_refused"
CANNOT_BE_SENT = "cannot_be_sent"
REFUSED_TOO_OFTEN = "refused_too_often"
RELAY_DENIED = "relay_denied"
SENDER_REFUSED = "sender_refused"
HOST_REFUSED = "host_refused"
BLOCKED = "blocked"
OWN_LIMIT_REACHED = "own_limit_reached"
TOO_LARGE = "too_large"
SPF_FAILED = "spf_failed"
DKIM_FAILED = "dkim_failed"
DMARC_FAILED = "dmarc_failed"
AUTHENTICATION_MISSING = "authentication_missing"
REVERSE_DNS_MISSING = "reverse_dns_missing"
OWNER_BLOCKED = "owner_blocked"
RESTORED = "restored"
OTHER_DATABASE = "other_database"
NOT_SENT_AFTER_ALL = "not_sent_after_all"
SENDER_NOT_ALLOWED = "sender_not_allowed"
WINDOW_ENDED = "window_ended"
CHOSEN_ONE = "chosen_one"
CHOSEN_MANY = "chosen_many"
LIFTED = "lifted"

SENTENCES = {
    LOGIN_REFUSED: gettext_noop(
        "The mail server refuses our login. Check the user and the password. It says: %(words)s"
    ),
    LOGIN_NEEDED: gettext_noop(
        "The mail server wants a login. Set EMAIL_HOST_USER and EMAIL_HOST_PASSWORD. It says: %(words)s"
    ),
    ENCRYPTION_NEEDED: gettext_noop(
        "The mail server wants an encrypted connection. Set EMAIL_USE_TLS=True, usually with port 587, "
        "or EMAIL_USE_SSL=True with port 465. It says: %(words)s"
    ),
    MAILING_REFUSED: gettext_noop("The mail server refuses this mailing as a whole. It says: %(words)s"),
    CANNOT_BE_SENT: gettext_noop("This mailing can’t be sent as it is: %(words)s"),
    REFUSED_TOO_OFTEN: gettext_noop(
        "Recipient after recipient was refused for what this mail is, not for their addresses. "
        "Check its content and your domain’s reputation before you resume. The last reply: %(words)s"
    ),
    RELAY_DENIED: gettext_noop(
        "The mail server does not pass mail on for us. Give it a login, or allow this machine there. It says: %(words)s"
    ),
    SENDER_REFUSED: gettext_noop(
        "The mail server does not accept this sender. Use an address that it knows as yours (DEFAULT_FROM_EMAIL), "
        "or have the address or its domain verified there. It says: %(words)s"
    ),
    HOST_REFUSED: gettext_noop(
        "The mail server refuses this machine. Allow it there, and give it a full host name that is in the DNS. "
        "It says: %(words)s"
    ),
    BLOCKED: gettext_noop(
        "The address or the domain that we send from is blocked. Look it up on the list that is named, "
        "and ask to be taken off before you resume. The mail server says: %(words)s"
    ),
    OWN_LIMIT_REACHED: gettext_noop(
        "Your account on the mail server has reached its limit. Resume when it allows more. It says: %(words)s"
    ),
    TOO_LARGE: gettext_noop("The mail is larger than the mail server allows. Make it smaller. It says: %(words)s"),
    SPF_FAILED: gettext_noop(
        "Your domain does not say that this mail server may send for it. Add the server to the domain’s SPF record "
        "(a TXT record in the DNS), then resume. The mail server says: %(words)s"
    ),
    DKIM_FAILED: gettext_noop(
        "The mail has no valid DKIM signature of your domain. Turn on DKIM signing at your mail server and publish "
        "its key (a TXT record at selector._domainkey in the DNS), then resume. The mail server says: %(words)s"
    ),
    DMARC_FAILED: gettext_noop(
        "The mail fails your domain’s DMARC policy. SPF or DKIM must pass for the very domain of the sender’s address; "
        "look at the TXT records of the domain and of _dmarc in the DNS, then resume. The mail server says: %(words)s"
    ),
    AUTHENTICATION_MISSING: gettext_noop(
        "The mail is not proved to come from your domain. Publish an SPF record, a DKIM key and a DMARC record "
        "(_dmarc) for it in the DNS, then resume. The mail server says: %(words)s"
    ),
    REVERSE_DNS_MISSING: gettext_noop(
        "The sending machine’s address has no matching name. Have a PTR record (reverse DNS) set for it, "
        "which leads to a name that leads back to the address, then resume. The mail server says: %(words)s"
    ),
    OWNER_BLOCKED: gettext_noop("Its owner has been blocked."),
    RESTORED: gettext_noop(
        "The database is an older copy of itself, as after a backup was restored: it may not know of mail that has "
        "gone out since. Compare with your mail server’s log. Then go on with this mailing, or cancel it."
    ),
    OTHER_DATABASE: gettext_noop(
        "The sender’s folder belongs to another database. Make sure that this one is the right one. Then go on with "
        "this mailing, or cancel it."
    ),
    NOT_SENT_AFTER_ALL: gettext_noop("A sender that had been given up told that some of its mail was not sent."),
    SENDER_NOT_ALLOWED: gettext_noop(
        "This site no longer allows mailings to come from %(words)s. Choose another sender, then schedule it again."
    ),
    WINDOW_ENDED: gettext_noop("The window ended with %(words)s not sent."),
    CHOSEN_ONE: gettext_noop("The delivery to %(words)s."),
    CHOSEN_MANY: gettext_noop("Deliveries: %(words)s."),
    LIFTED: gettext_noop("Mail is allowed again to %(words)s"),
}


@dataclass(frozen=True)
class StatusReason:
    """One of the codes above, or "" for none, and the words that its sentence quotes."""

    code: str = ""
    words: str = ""

    def __str__(self) -> str:
        sentence = SENTENCES.get(self.code)
        words = number_format(self.words, force_grouping=True) if self.words.isdecimal() else self.words
        return _(sentence) % {"words": ENGINE.told(words)} if sentence else words


NO_REASON = StatusReason()
