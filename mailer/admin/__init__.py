from mailer.admin.ledger import AttemptAdmin, DeliveryAdmin
from mailer.admin.mailings import MailingAdmin
from mailer.admin.messages import AttachmentAdmin, FrozenAttachmentAdmin, MessageAdmin
from mailer.admin.recipients import RecipientAdmin
from mailer.admin.records import (
    AttemptCountAdmin,
    AuditEntryAdmin,
    DecisionAdmin,
    InstanceAdmin,
    MailingContentAdmin,
    MailingCountAdmin,
    SentTestAdmin,
    ThrottleAdmin,
    WorkerAdmin,
)
from mailer.admin.suppressions import SuppressionAdmin

__all__ = [
    "AttachmentAdmin",
    "AttemptAdmin",
    "AttemptCountAdmin",
    "AuditEntryAdmin",
    "DecisionAdmin",
    "DeliveryAdmin",
    "FrozenAttachmentAdmin",
    "InstanceAdmin",
    "MailingAdmin",
    "MailingContentAdmin",
    "MailingCountAdmin",
    "MessageAdmin",
    "RecipientAdmin",
    "SentTestAdmin",
    "SuppressionAdmin",
    "ThrottleAdmin",
    "WorkerAdmin",
]
