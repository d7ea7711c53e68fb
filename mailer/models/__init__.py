from mailer.models.audit import AuditEntry
from mailer.models.deliveries import Attempt, Decision, Delivery, Worker, attempts_of, deliveries_in, deliveries_of
from mailer.models.instance import Instance
from mailer.models.mailings import AttemptCount, FrozenAttachment, Mailing, MailingContent, MailingCount
from mailer.models.messages import Attachment, Message
from mailer.models.recipients import Recipient, recipients_of
from mailer.models.suppressions import Suppression
from mailer.models.tests_sent import SentTest
from mailer.models.throttles import Throttle

__all__ = [
    "Attachment",
    "Attempt",
    "AttemptCount",
    "AuditEntry",
    "Decision",
    "Delivery",
    "FrozenAttachment",
    "Instance",
    "Mailing",
    "MailingContent",
    "MailingCount",
    "Message",
    "Recipient",
    "SentTest",
    "Suppression",
    "Throttle",
    "Worker",
    "attempts_of",
    "deliveries_in",
    "deliveries_of",
    "recipients_of",
]
