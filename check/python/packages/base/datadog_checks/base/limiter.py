"""How many different metrics a run may submit."""


class MetricLimiter:
    """Counts the contexts of a run; past the limit further ones are refused, and the check warns once."""

    def __init__(self, limit, warn):
        self.limit = limit
        self._warn = warn
        self._seen = set()
        self._warned = False

    def allows(self, context):
        if self.limit <= 0 or context in self._seen:
            return True
        if len(self._seen) >= self.limit:
            if not self._warned:
                self._warned = True
                self._warn("Check exceeded limit of %s metrics, ignoring next ones", self.limit)
            return False
        self._seen.add(context)
        return True

    def reset(self):
        self._seen.clear()
        self._warned = False
