"""Stand-in."""


class EventTable:
    """Stand in."""
