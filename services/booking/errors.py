"""What can go wrong with bookings, as far as it is nobody's request that is wrong."""


class BrokenHistory(Exception):  # noqa: N818 - it says what is the matter
    """The events of a booking do not follow one another."""
