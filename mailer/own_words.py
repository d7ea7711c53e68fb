"""What the engine says itself where a server said nothing: English in the ledger, told in the reader's language."""

from __future__ import annotations

from django.utils.translation import gettext_noop

from mailer.phrasebook import Phrasebook

ENGINE = Phrasebook(
    gettext_noop("%(trouble)s (since %(time)s UTC)"),
    gettext_noop("%(trouble)s (again and again for this recipient, while other mail passed)"),  # outcome.py
    # transport.py
    gettext_noop("No mail server is set: EMAIL_HOST is empty"),
    gettext_noop("Connection refused by %(server)s"),
    gettext_noop("No answer from %(server)s within %(n)s seconds"),
    gettext_noop("The name of the mail server is not known: %(server)s"),
    gettext_noop("The certificate of %(server)s can't be trusted: %(words)s"),
    gettext_noop("TLS with %(server)s failed: %(words)s"),
    gettext_noop("%(server)s does not offer STARTTLS, which is required"),
    gettext_noop("%(server)s offers no way to log in that we know"),
    gettext_noop("%(server)s refused the login: %(words)s"),
    gettext_noop("%(server)s refused the connection: %(words)s"),
    gettext_noop("%(server)s refused to start TLS: %(words)s"),
    gettext_noop("%(server)s closed the connection"),
    gettext_noop("%(server)s said more than it was asked"),
    gettext_noop("%(server)s does not speak SMTP as it should: %(words)s"),
    gettext_noop("No connection to %(server)s: %(words)s"),
    # transaction.py and backend.py
    gettext_noop("The transaction was interrupted"),
    gettext_noop("The server would not begin anew: %(words)s"),
    gettext_noop("The server said: %(words)s"),
    gettext_noop("The server said, unasked: %(words)s"),
    gettext_noop("The server can't be understood: %(words)s"),
    gettext_noop("The server closed the connection"),
    gettext_noop("The connection was lost"),
    gettext_noop("The connection was lost: %(words)s"),
    gettext_noop("The connection was closed"),
    gettext_noop("No reply to the mail itself within %(n)s seconds"),
    gettext_noop("No reply to %(command)s within %(n)s seconds"),
    gettext_noop("No reply within %(n)s seconds"),  # trial.py
    gettext_noop("The server took nothing of the mail for %(n)s seconds"),
    gettext_noop("The sender's address can't be said in SMTP."),
    gettext_noop("The address can't be said in SMTP."),
    gettext_noop("The mail server does not take addresses with other than ASCII letters (SMTPUTF8)."),
    gettext_noop("Taken by %(backend)s, which gives no reply"),
    # sender.py
    gettext_noop("The site's DKIM key can't be read, so no mail can be signed. Whoever runs the site must mend it."),
    # sweep.py
    gettext_noop("The sender stopped after handing the mail over; the server's reply is not known."),
    gettext_noop("The sender vanished and its journal cannot tell whether the mail was handed over."),
    # evidence.py
    gettext_noop("The journal of the sender was found afterwards."),
    gettext_noop("The sender that had been given up told it afterwards."),
    gettext_noop("The mail was not handed over to the server."),
    # salvage.py
    gettext_noop("The server's words could not be stored."),
)
