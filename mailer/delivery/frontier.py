"""How far a worker's claims have come in each mailing, and whose turn it is."""

from __future__ import annotations

from collections.abc import Callable

from core.clock import seconds

GOOD_FOR = 5.0  # seconds; what was released, or whose claim was not committed, is found after that

Place = tuple[str, int]
"""A delivery's next_attempt_at, as the database writes it, and its id: the order in which they are claimed."""


class Frontier:
    """Where the last claim from each mailing ended: the next one begins there.

    What lies before was claimed. PostgreSQL would go through the dead entries that it left in the index, claim after
    claim, until they are vacuumed away: 140,000 of them take longer than all the rest of a claim.
    """

    def __init__(self, clock: Callable[[], float] = seconds) -> None:
        self._clock = clock
        self._places: dict[int, Place] = {}
        self._forgets_at = 0.0
        self.turn: int | None = None  # the mailing that was given to last
        self.passed_over = False  # whether the last claim came to some who are suppressed, and skipped them

    def known(self) -> list[int]:
        """The mailings whose last claim found all that it asked for, so that they have more, as far as is known."""
        if self._clock() >= self._forgets_at:
            self._places.clear()
            self._forgets_at = self._clock() + GOOD_FOR
        return list(self._places)

    def place(self, mailing_id: int) -> Place | None:
        """Where the next claim from this mailing begins; None: where its deliveries do."""
        return self._places.get(mailing_id)

    def reached(self, mailing_id: int, place: Place | None) -> None:
        """A claim came to this delivery; None where it found less than it asked for."""
        if place is None:
            self._places.pop(mailing_id, None)
        else:
            self._places[mailing_id] = place
