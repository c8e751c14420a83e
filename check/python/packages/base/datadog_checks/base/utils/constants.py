"""Units as checks name them."""

MICROSECOND = 1_000_000
MILLISECOND = 1_000
NANOSECOND = 1_000_000_000
SECOND = 1

TIME_UNITS = {"microsecond": MICROSECOND, "millisecond": MILLISECOND, "nanosecond": NANOSECOND, "second": SECOND}
