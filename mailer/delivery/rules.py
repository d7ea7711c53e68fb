"""The table of replies: phase × reply code × enhanced code × words → what came of it, whom it is about, what to do.

There is one mail server between us and everybody. What it says about our address, our sender or our domain would befall
every recipient one after another, so it is told of the mailing, which pauses; only what it says about an address, or
about this one mail, is told of the recipient.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

from mailer import reasons
from mailer.delivery.terms import Kind, Phase, Scope


@dataclass(frozen=True, slots=True)
class Rule:
    """A row of the table: phases, code, enhanced code and words, all of which must fit, and what they mean.

    Those three are regular expressions: the codes fit as a whole, the words anywhere in the text in any case.
    """

    phases: frozenset[Phase]
    code: str
    kind: Kind
    scope: Scope
    enhanced: str = ".*"
    words: str = ""
    advice: str = ""  # of mailer/reasons.py: what a person can do
    suppresses: bool = False  # the address is gone for good, for every mailing

    def fits(self, enhanced: str, words: str) -> bool:
        """Whether the enhanced code and the words do, too."""
        return re.fullmatch(self.enhanced, enhanced) is not None and (
            not self.words or re.search(self.words, words, re.IGNORECASE) is not None
        )


def rule_for(phase: Phase, code: int, enhanced: str, text: str) -> Rule:
    """The row that decides. Addresses in the text, and the enhanced code on each line of it, are no words."""
    rules = _rules_for(phase, code)
    if len(rules) == 1:  # so a mail that is accepted is classified without its words
        return rules[0]
    words = re.sub(rf"{ADDRESS}|\s{re.escape(enhanced)}(?=\s)" if enhanced else ADDRESS, "", text)
    return next(rule for rule in rules if rule.fits(enhanced, words))


@cache
def _rules_for(phase: Phase, code: int) -> list[Rule]:
    """The rows that fit the phase and the code, up to one that needs nothing else."""
    rules = [rule for rule in RULES if phase in rule.phases and re.fullmatch(rule.code, str(code)) is not None]
    last = next(number for number, rule in enumerate(rules) if rule.enhanced == ".*" and not rule.words)
    return rules[: last + 1]


def blames_content(code: int | None, enhanced: str, text: str) -> bool:
    """Whether a refusal speaks of spam, content or policy, and not of the recipient's address or wishes."""
    if code is None or code // 100 != 5:
        return False
    words = re.sub(ADDRESS, "", text)
    is_of_content = enhanced.startswith(("5.6.", "5.7.")) or re.search(CONTENT, words, re.IGNORECASE) is not None
    return is_of_content and re.search(f"{BY_RECIPIENT}|recipient address", words, re.IGNORECASE) is None


ANY = frozenset(Phase)
GREETING = frozenset({Phase.CONNECT, Phase.HELLO, Phase.TLS})
LOGIN = frozenset({Phase.LOGIN})
MAIL = frozenset({Phase.MAIL})
RCPT = frozenset({Phase.RCPT})
DATA = frozenset({Phase.DATA})
BODY = frozenset({Phase.BODY})
JUDGED = RCPT | DATA | BODY  # here the server has heard of the recipient
TRANSACTION = MAIL | JUDGED

ACCEPTED, DEFERRED, REJECTED, UNCERTAIN = Kind.ACCEPTED, Kind.DEFERRED, Kind.REJECTED, Kind.UNCERTAIN
RECIPIENT, MAILING, ACCOUNT, CONNECTION = Scope.RECIPIENT, Scope.MAILING, Scope.ACCOUNT, Scope.CONNECTION

ADDRESS = r"<?[^\s<>@]+@[^\s<>]+>?"
GENERAL = r"(5\.[03457]\..*)?"  # enhanced codes that do not blame an address or a mailbox

LOGIN_NEEDED = r"auth(entication)? (is )?required|unauthenticated senders not allowed|not authenticated to send"
ENCRYPTION = r"starttls|encrypt|\btls\b|\bssl\b"
GREYLISTED = r"gr[ea]y-? ?list"
RELAY = r"\brelay(ing)?\b(?!=| (sending )?limit)|rcpthosts"
TOO_LARGE = r"too (big|large|long)|message size|size limit"
OWN_LIMIT = (
    r"\b(daily|hourly|sending|relay)\b.{0,40}\b(quota|limit)|reached your .{0,20}limit|credits exceeded"
    r"|exceeded threshold|sending (rate|paused)|throttl|rate.?limited|too (much|many) \w+ from"
)
HOST = r"(client host|helo command) rejected|bad helo"
SENDER = (
    r"sender (address |is )?(rejected|refused|denied|not (allowed|owned|verified))|sender verify|banned sender"
    r"|not (allowed|permitted|authori[sz]ed) to send(?! (e?-?mails? |messages? )?to\b)|sendasdenied"
    r"|to send as this sender|from address does not match|(address|domain) (is )?not verified"
)
REVERSE_DNS = r"\bptr\b|reverse[ -]dns|\brdns\b|cannot find your"
SPF, DKIM, DMARC = r"\bspf\b|sender policy framework", r"\bdkim\b", r"\bdmarc\b"
SPF_AND_DKIM = r"\bspf\b.*\bdkim\b|\bdkim\b.*\bspf\b|sender is unauthenticated|authentication checks"
BLOCKED = (
    r"spamhaus|spamcop|barracudacentral|dnsbl|\brbl\b|block ?list|blacklist|blocked using|banned sending|reputation"
    r"|(your|this|sending|untrusted) ip|not (be )?accepted from|all messages from|messages from \S+ weren't sent"
)
ABOUT_US = "|".join([HOST, SENDER, REVERSE_DNS, SPF, DKIM, DMARC, BLOCKED, OWN_LIMIT])
BY_RECIPIENT = (
    r"customer block list|(reject|block|den|refus)\w+ by (the )?(recipient|user)|(recipient|user)'s? (block|black)"
)
CONTENT = r"\bspam\b|virus|unsolicited|policy"
FULL = r"(over|exceed\w*) (\w+ ){0,3}quota|quota exceeded|(mailbox|inbox|account|user)\b.{0,30}\bfull|out of storage"
UNKNOWN = (
    r"(user|recipient|mailbox|account|alias|address)\W+(is )?(unknown|not found|does(n't| not) exist|disabled|inactive)"
    r"|(unknown|no such|invalid) (user|recipient|mailbox|account|address|or illegal alias)|unrouteable address"
    r"|no mailbox (here )?by that name|does(n't| not) have an? \S+ account|no longer valid|inactive email address"
)

# The first row that fits decides. Codes: RFC 5321 §4.2, RFC 4954 §6; enhanced codes: RFC 3463 and IANA's registry,
# with what Gmail and Microsoft have added.
RULES = (
    Rule(BODY, "2..", ACCEPTED, RECIPIENT),
    Rule(ANY, "421", DEFERRED, CONNECTION),
    # The account.
    Rule(ANY - GREETING, "523|53[0458]", REJECTED, ACCOUNT, words=ENCRYPTION, advice=reasons.ENCRYPTION_NEEDED),
    Rule(ANY - GREETING, "530", REJECTED, ACCOUNT, advice=reasons.LOGIN_NEEDED),
    Rule(ANY - GREETING, "523|53[458]", REJECTED, ACCOUNT, advice=reasons.LOGIN_REFUSED),
    Rule(MAIL | RCPT, "5..", REJECTED, ACCOUNT, GENERAL, LOGIN_NEEDED, advice=reasons.LOGIN_NEEDED),
    Rule(LOGIN, "5..", REJECTED, ACCOUNT, advice=reasons.LOGIN_REFUSED),
    Rule(LOGIN | GREETING, ".*", DEFERRED, CONNECTION),
    # The server as a whole, for now: its storage, its rates, what it holds against us.
    Rule(JUDGED, "4..", DEFERRED, RECIPIENT, words=f"separate transaction|{GREYLISTED}"),
    Rule(TRANSACTION, "4..", DEFERRED, CONNECTION, enhanced=r"4\.(3\.1|5\.3)"),
    Rule(RCPT | DATA, "[45]..", REJECTED, MAILING, r"([45]\.[57]\..*)?", RELAY, advice=reasons.RELAY_DENIED),
    Rule(TRANSACTION, "454", DEFERRED, CONNECTION),
    Rule(MAIL, "4..", DEFERRED, CONNECTION),
    Rule(JUDGED, "4..", DEFERRED, CONNECTION, enhanced=r"4\.(1\.[78]|7\.([23]\d|40|[5-8]\d\d))"),
    Rule(JUDGED, "4..", DEFERRED, CONNECTION, words=ABOUT_US),
    # What would befall every mail of the mailing: its size, its sender, its authentication, our address, our quota.
    Rule(TRANSACTION, "5..", REJECTED, MAILING, r"5\.3\.4", advice=reasons.TOO_LARGE),
    Rule(TRANSACTION, "55[024]", REJECTED, MAILING, "", TOO_LARGE, advice=reasons.TOO_LARGE),
    Rule(JUDGED, "552", REJECTED, MAILING, r"5\.2\.3", "google's message size", advice=reasons.TOO_LARGE),
    Rule(TRANSACTION, "5..", REJECTED, MAILING, r"5\.1\.[78]", advice=reasons.SENDER_REFUSED),
    Rule(JUDGED, "5..", REJECTED, RECIPIENT, words=BY_RECIPIENT),
    Rule(TRANSACTION, "5..", REJECTED, MAILING, r"5\.7\.25", advice=reasons.REVERSE_DNS_MISSING),
    Rule(TRANSACTION, "5..", REJECTED, MAILING, GENERAL, REVERSE_DNS, advice=reasons.REVERSE_DNS_MISSING),
    Rule(TRANSACTION, "5..", REJECTED, MAILING, r"5\.7\.515", advice=reasons.AUTHENTICATION_MISSING),
    Rule(TRANSACTION, "5..", REJECTED, MAILING, r"5\.7\.(32|40|509)", advice=reasons.DMARC_FAILED),
    Rule(TRANSACTION, "5..", REJECTED, MAILING, GENERAL, DMARC, advice=reasons.DMARC_FAILED),
    Rule(TRANSACTION, "5..", REJECTED, MAILING, GENERAL, SPF_AND_DKIM, advice=reasons.AUTHENTICATION_MISSING),
    Rule(TRANSACTION, "5..", REJECTED, MAILING, r"5\.7\.2[347]", advice=reasons.SPF_FAILED),
    Rule(TRANSACTION, "5..", REJECTED, MAILING, GENERAL, SPF, advice=reasons.SPF_FAILED),
    Rule(TRANSACTION, "5..", REJECTED, MAILING, r"5\.7\.(2[0-2]|30)", advice=reasons.DKIM_FAILED),
    Rule(TRANSACTION, "5..", REJECTED, MAILING, GENERAL, DKIM, advice=reasons.DKIM_FAILED),
    Rule(TRANSACTION, "5..", REJECTED, MAILING, r"5\.7\.(26|31)", advice=reasons.AUTHENTICATION_MISSING),
    Rule(TRANSACTION, "5..", REJECTED, MAILING, r"5\.7\.(10|11|29)", advice=reasons.ENCRYPTION_NEEDED),
    Rule(TRANSACTION, "5..", REJECTED, MAILING, words=HOST, advice=reasons.HOST_REFUSED),
    Rule(TRANSACTION, "5..", REJECTED, MAILING, r"5\.7\.506", advice=reasons.HOST_REFUSED),
    Rule(TRANSACTION, "5..", REJECTED, MAILING, r"5\.(4\.5|1\.90)", advice=reasons.OWN_LIMIT_REACHED),
    Rule(TRANSACTION, "5..", REJECTED, MAILING, GENERAL, OWN_LIMIT, advice=reasons.OWN_LIMIT_REACHED),
    Rule(TRANSACTION, "5..", REJECTED, MAILING, words=SENDER, advice=reasons.SENDER_REFUSED),
    Rule(TRANSACTION, "5..", REJECTED, MAILING, r"5\.7\.(28|50[1238]|511|6\d\d|7[05]\d)", advice=reasons.BLOCKED),
    Rule(TRANSACTION, "5..", REJECTED, MAILING, GENERAL, BLOCKED, advice=reasons.BLOCKED),
    # A conversation out of step.
    Rule(RCPT, "501", REJECTED, RECIPIENT, r"5\.1\.[13]", suppresses=True),
    Rule(RCPT, "501", REJECTED, RECIPIENT, r"5\.1\..*"),
    Rule(JUDGED, "501", DEFERRED, CONNECTION),
    Rule(TRANSACTION, "50[0234]|555", DEFERRED, CONNECTION),
    # The sender, in whatever words.
    Rule(MAIL, "5..", REJECTED, MAILING, words="sender|envelope", advice=reasons.SENDER_REFUSED),
    Rule(MAIL, "5..", REJECTED, MAILING, advice=reasons.MAILING_REFUSED),
    # A full or busy mailbox: RFC 5321 §4.5.3.1.10 has 552 read as 452.
    Rule(JUDGED, "5..", DEFERRED, RECIPIENT, enhanced=r"5\.2\.2"),
    Rule(JUDGED, "5..", DEFERRED, RECIPIENT, words=f"{FULL}|at a rate that prevents"),
    Rule(JUDGED, "552", REJECTED, RECIPIENT, "", UNKNOWN, suppresses=True),
    Rule(JUDGED, "552", REJECTED, RECIPIENT, "", CONTENT),
    Rule(RCPT | BODY, "552", DEFERRED, RECIPIENT, enhanced=""),
    Rule(RCPT | BODY, "522", DEFERRED, RECIPIENT),
    # An address that is gone for good, unless it is the content that was disliked.
    Rule(JUDGED, "5..", REJECTED, RECIPIENT, words=CONTENT),
    Rule(JUDGED, "5..", REJECTED, RECIPIENT, r"5\.(1\.(1|2|3|6|10)|2\.1)", suppresses=True),
    Rule(JUDGED, "5..", REJECTED, RECIPIENT, r"(5\.[015]\.[01])?", UNKNOWN, suppresses=True),
    Rule(RCPT | BODY, "556", REJECTED, RECIPIENT, "", suppresses=True),
    Rule(JUDGED, "525", REJECTED, RECIPIENT, r"5\.7\.13", suppresses=True),
    # The rest goes by its first digit.
    Rule(JUDGED, "4..", DEFERRED, RECIPIENT),
    Rule(JUDGED, "5..", REJECTED, RECIPIENT),
    Rule(BODY, ".*", UNCERTAIN, RECIPIENT),
    Rule(ANY, ".*", DEFERRED, CONNECTION),
)
