"""A mail server that keeps every mail waiting once it has begun, so that some come due late."""

from __future__ import annotations

import asyncio
import random
from collections import Counter

from tests.chaos.support.sizes import SEED
from tests.support.smtp_server import Behaviour, Session, SmtpServer

LONGEST = 2.0  # seconds that it waits with its 354: twice as long as a mail may still go that was forbidden

Mail = tuple[str, str]  # of whom, to whom


class HoldingServer(SmtpServer):
    """`begun` are the mails whose recipient it has ever taken, `held` those that wait for their 354 now."""

    def __init__(self) -> None:
        super().__init__(Behaviour("data", self._hold))
        self.begun: Counter[Mail] = Counter()
        self.held: set[Mail] = set()

    def stopped(self) -> set[Mail]:
        """The mails that were begun and never handed over."""
        return self.begun.keys() - {(mail.mail_from, mail.rcpt_to) for mail in self.accepted}

    async def _hold(self, session: Session) -> str:
        mail = session.mail_from, session.rcpt_to
        self.begun[mail] += 1
        self.held.add(mail)
        await asyncio.sleep(random.Random(f"{SEED} {mail} {self.begun[mail]}").uniform(0, LONGEST))
        self.held.discard(mail)
        return session.ordinary_reply("data")
