"""Time as checks measure it."""
import time
from datetime import datetime, timedelta, timezone

UTC = timezone.utc
EPOCH = datetime.fromtimestamp(0, UTC)

get_precise_time = time.perf_counter


def ensure_aware_datetime(moment, default_tz=UTC):
    """The moment with a time zone: its own, or else the given one."""
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=default_tz)


def get_current_datetime(tz=None):
    return datetime.now(tz or UTC)


def get_timestamp(moment=None):
    """Seconds since 1970, of the moment or of now."""
    return time.time() if moment is None else (ensure_aware_datetime(moment) - EPOCH) / timedelta(seconds=1)
