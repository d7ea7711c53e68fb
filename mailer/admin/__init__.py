from mailer.admin.ledger import AttemptAdmin, DeliveryAdmin
from mailer.admin.mailings import MailingAdmin
from mailer.admin.messages import MessageAdmin
from mailer.admin.recipients import RecipientAdmin
from mailer.admin.records import (
    AttemptCountAdmin,
    AuditEntryAdmin,
    DecisionAdmin,
    InstanceAdmin,
    MailingContentAdmin,
    MailingCountAdmin,
    WorkerAdmin,
)
from mailer.admin.suppressions import SuppressionAdmin

__all__ = [
    "AttemptAdmin",
    "AttemptCountAdmin",
    "AuditEntryAdmin",
    "DecisionAdmin",
    "DeliveryAdmin",
    "InstanceAdmin",
    "MailingAdmin",
    "MailingContentAdmin",
    "MailingCountAdmin",
    "MessageAdmin",
    "RecipientAdmin",
    "SuppressionAdmin",
    "WorkerAdmin",
]
