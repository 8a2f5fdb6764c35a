"""The rule: how many bookings a scan or a run by hand may cancel before an admin has to approve it."""

from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Breaker:
    """Lets through `most` bookings, and the `share` (0..1) of the open ones; 0 sets no limit. The lower limit counts."""

    most: int = 0
    share: Decimal = Decimal(0)

    @property
    def is_on(self) -> bool:
        """Whether there is any limit."""
        return bool(self.most or self.share)

    @property
    def enough(self) -> int | None:
        """How far to count what is due: more than that is held in any case. None: all of it."""
        return None if self.share or not self.most else self.most + 1

    def exceeded(self, due: int, open_ones: int) -> int | None:
        """Return the limit that `due` of `open_ones` bookings are too many for, None where they may be cancelled."""
        limits = [self.most] if self.most else []
        if self.share:
            limits.append(int(self.share * open_ones))
        limit = min(limits, default=due)
        return limit if due > limit else None
