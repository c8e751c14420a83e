"""A map that says of itself when it is too old. It is not emptied by that: a run that uses it goes on."""
import time


class TimedCache(dict):
    def __init__(self, ttl):
        super().__init__()
        self._ttl, self._began = ttl, time.time()

    def is_expired(self):
        return time.time() - self._began >= self._ttl

    def clear(self):
        """Empties it, and it is young again."""
        super().clear()
        self._began = time.time()

    def __bool__(self):
        """Whether it has something to offer."""
        return len(self) > 0 and not self.is_expired()
