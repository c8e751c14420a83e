"""Items that a service has many of, such as databases, and those of them that a configuration chooses."""
import re
import time


class Discovery:
    """`get_items_func` gives all items, and is asked again after `interval` seconds (each time, without one). `include` is from
    patterns to the configuration of what they match, in the order in which they are tried; an item is taken once, if no pattern of
    `exclude` matches it, and at most `limit` are. `key` gives the text of an item."""

    def __init__(self, get_items_func, limit=None, include=None, exclude=None, interval=None, key=None):
        self._get, self._interval, self._asked, self._items = get_items_func, interval, None, []
        self._limit, self._key = limit, key or (lambda item: item)
        self._include = None if include is None else [(pattern, re.compile(pattern), config) for pattern, config in include.items()]
        self._exclude = re.compile("|".join(f"(?:{pattern})" for pattern in exclude)) if exclude else None

    def _all(self):
        now = time.monotonic()
        if not self._interval or self._asked is None or now - self._asked > self._interval:
            self._items, self._asked = list(self._get()), now
        return self._items

    def get_items(self):
        """(pattern, text, item, configuration) of each item that is taken."""
        items, taken = self._all(), set()
        for pattern, compiled, config in self._include or ():
            for item in items:
                if self._limit is not None and len(taken) >= self._limit:
                    return
                text = self._key(item)
                if text in taken or not compiled.search(text) or (self._exclude and self._exclude.search(text)):
                    continue
                taken.add(text)
                yield pattern, text, item, config
