"""How often, and for how long."""
import time
from collections import OrderedDict


class ConstantRateLimiter:
    """sleep() returns at most so many times a second; 0: as often as it is called."""

    def __init__(self, rate_limit_s, max_sleep_secs=0):
        self.rate_limit_s = max(rate_limit_s, 0)
        self.period_s = 1 / self.rate_limit_s if self.rate_limit_s else 0
        self.max_sleep_secs = max(max_sleep_secs, 0)
        self.last_event = 0

    def sleep(self, cancelled=None):
        """`cancelled` is an event that ends the sleep."""
        seconds = max(0, self.last_event + self.period_s - time.time())
        if self.max_sleep_secs:
            seconds = min(seconds, self.max_sleep_secs)
        if cancelled is not None:
            cancelled.wait(seconds)
        else:
            time.sleep(seconds)
        self.last_event = time.time()

    def update_last_time_and_sleep(self):
        self.sleep()

    def shall_execute(self):
        """Whether the time has come; for those who do not sleep."""
        return time.time() - self.last_event >= self.period_s

    def update_last_time(self):
        self.last_event = time.time()


class RateLimitingTTLCache:
    """Remembers at most `maxsize` keys for `ttl` seconds each. acquire() says whether a key may go on: it is new, and there is room."""

    def __init__(self, maxsize, ttl, timer=time.monotonic, **_):
        self.maxsize, self.ttl, self.timer = maxsize, ttl, timer
        self._entries = OrderedDict()  # by age: when it ends, and its value

    def acquire(self, key):
        if len(self) >= self.maxsize or key in self:
            return False
        self[key] = True
        return True

    def expire(self, time=None):
        now = self.timer() if time is None else time
        while self._entries and next(iter(self._entries.values()))[0] <= now:
            self._entries.popitem(last=False)

    def clear(self):
        self._entries.clear()

    def get(self, key, default=None):
        return self[key] if key in self else default

    def __len__(self):
        self.expire()
        return len(self._entries)

    @property
    def currsize(self):
        return len(self)

    def __contains__(self, key):
        self.expire()
        return key in self._entries

    def __iter__(self):
        self.expire()
        return iter(list(self._entries))

    def __getitem__(self, key):
        self.expire()
        return self._entries[key][1]

    def __setitem__(self, key, value):
        self.expire()
        self._entries.pop(key, None)
        while len(self._entries) >= max(self.maxsize, 1):
            self._entries.popitem(last=False)
        self._entries[key] = self.timer() + self.ttl, value

    def __delitem__(self, key):
        del self._entries[key]
