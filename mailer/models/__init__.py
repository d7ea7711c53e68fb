from mailer.models.audit import AuditEntry
from mailer.models.deliveries import Attempt, Decision, Delivery, Worker
from mailer.models.instance import Instance
from mailer.models.mailings import AttemptCount, Mailing, MailingContent, MailingCount
from mailer.models.messages import Message
from mailer.models.recipients import Recipient
from mailer.models.suppressions import Suppression

__all__ = [
    "Attempt",
    "AttemptCount",
    "AuditEntry",
    "Decision",
    "Delivery",
    "Instance",
    "Mailing",
    "MailingContent",
    "MailingCount",
    "Message",
    "Recipient",
    "Suppression",
    "Worker",
]
