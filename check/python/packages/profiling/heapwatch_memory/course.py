"""What lines of code hold from run to run, in bounded room, and whether it grows."""
from array import array

import _heapwatch_memory as tracer

STRETCHES_MAX = 128  # even; when there are more, two and two become one
LINES_MAX = 16384
OTHER = ("<lines beyond the first %d>" % LINES_MAX, 0)


class Trend:
    """See base/trend.h. `kind`: flat, grows, slows, stopped or varies; sizes in bytes a run."""

    def __init__(self, values, width):
        self.kind, self.is_certain, *slopes, self.growth, last_rise = tracer.trend(values)
        # A step of the series is as many runs as a stretch has.
        self.rate, self.rate_low, self.rate_high = (slope / width for slope in slopes)
        self.last_rise = last_rise * width + 1  # of one that has stopped: no run after this one added anything


class Line:
    """What one line holds: after each run that was looked at, and now."""

    __slots__ = ("values", "first", "size", "earlier", "between", "grew")

    def __init__(self, stretches):
        self.values = array("q", bytes(8 * stretches))
        self.first = 0  # after the first run
        self.size = 0
        self.earlier = 0  # of runs before the last
        self.between = 0  # of what was allocated between runs
        self.grew = 0  # in how many runs after the first


class Courses:
    """The courses of all lines.

    The value of a run is what it and those before it left behind and the next run has not taken away: what each run
    replaces is then no value at all, however its size varies. So a run has its value after the next. Runs are gathered
    into stretches of the same length, of which the least counts.
    """

    def __init__(self):
        self.lines = {}
        self.runs = 0
        self._total = Line(0)
        self._width = 1
        self._room = 0  # runs that the last stretch still takes
        self._stretches = 0

    def observe(self, sizes):
        """After a run: {(file, line): (bytes, of these of earlier runs, of these from between runs)}."""
        is_new_stretch = self._begin()
        if len(self.lines) + len(sizes.keys() - self.lines.keys()) > LINES_MAX:
            sizes = self._bounded(sizes)
        for key in sizes.keys() - self.lines.keys():
            self.lines[key] = Line(self._stretches - is_new_stretch)
        total = [0, 0, 0]
        for key, line in self.lines.items():
            row = sizes.get(key, (0, 0, 0))
            self._add(line, *row)
            total = [a + b for a, b in zip(total, row)]
        self._add(self._total, *total)

    def trend(self, line):
        """After two runs or more."""
        return Trend(line.values if self.runs > 2 else (line.first, line.size), self._width)

    def trends(self):
        """[(line's key, Line, Trend)] of those that change."""
        if self.runs > 2:
            rows = [(key, line) for key, line in self.lines.items() if min(line.values) != max(line.values)]
        else:
            rows = [(key, line) for key, line in self.lines.items() if line.earlier and line.first != line.size]
        return [(key, line, self.trend(line)) for key, line in rows]

    def total(self):
        return self._total

    def _begin(self):
        """Whether another stretch begins."""
        self.runs += 1
        if self.runs == 1:
            return False
        if self._room:
            self._room -= 1
            return False
        if self._stretches == STRETCHES_MAX:
            for line in (self._total, *self.lines.values()):
                line.values = array("q", map(min, line.values[::2], line.values[1::2]))
            self._stretches //= 2
            self._width *= 2
        self._stretches += 1
        self._room = self._width - 1
        return True

    def _add(self, line, size, earlier, between):
        line.grew += self.runs > 1 and size > line.size
        line.size, line.earlier, line.between = size, earlier, between
        if self.runs == 1:
            line.first = size
        elif len(line.values) < self._stretches:
            line.values.append(earlier)
        elif earlier < line.values[-1]:
            line.values[-1] = earlier

    def _bounded(self, sizes):
        kept = {}
        for key, row in sizes.items():
            if key not in self.lines and len(self.lines) + len(kept.keys() - self.lines.keys()) >= LINES_MAX:
                key = OTHER
            kept[key] = tuple(map(sum, zip(kept.get(key, (0, 0, 0)), row)))
        return kept
