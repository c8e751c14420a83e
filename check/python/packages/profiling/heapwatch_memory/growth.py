"""What runs leave behind for good: the report that a comparison of single runs cannot give."""
import gc
import os

import _heapwatch_memory as tracer

from heapwatch_memory.amounts import amount, counted, signed
from heapwatch_memory.course import Courses
from heapwatch_memory.report import entry
from heapwatch_memory.traces import OWN_FOLDERS, is_noise

# What grows, by kind: the order, and what is said of it.
_GROWING = {"grows": (0, ""), "slows": (1, " and slowing down"), "varies": (2, " up and down")}

FEW_RUNS = 7  # fewer cannot be told from chance
ENOUGH_RUNS = 30
OBJECT_LEAST = 32  # bytes, on the average of all runs: less is nothing that each run leaves behind


class Growth:
    """Watches what is held from run to run.

    A look collects garbage, since what only waits for a collection is no growth; what it would have been without the
    look is measured before, and is told apart. What the interpreter caches, up to a number, does not count either.
    """

    def __init__(self, file_filter, options):
        self._filter = file_filter
        self._options = options
        self._courses = Courses()
        self._garbage = {}  # by line, of all runs
        self._collector_was_off = False
        self._imports = {}
        self._machinery = 0

    @property
    def runs(self):
        return self._courses.runs

    def observe(self, run):
        """After the run; `run` counts from 1."""
        self._collector_was_off |= not (gc.isenabled() and gc.get_threshold()[0])
        tracer.drop_caches()
        before = self._held(run)
        gc.collect()
        after = self._held(run)
        for key, (size, _, _) in before.items():
            freed = size - after.get(key, (0, 0, 0))[0]
            if freed > 0:
                self._garbage[key] = self._garbage.get(key, 0) + freed
        self._courses.observe(after)

    def _held(self, run):
        """{(file, line): (bytes, of these of earlier runs, of these from between runs)} without imports."""
        sizes = {}
        self._imports = {}
        self._machinery = 0
        for name, line, module, size, _count, earlier, between in tracer.lines(run, OWN_FOLDERS):
            if not self._filter.allows(name):
                if module is not None and is_noise(name):
                    self._machinery += size
                continue
            if name.startswith(OWN_FOLDERS) and not self._options.verbose:
                continue
            if module is not None:
                self._imports[module] = self._imports.get(module, 0) + size
                continue
            before = sizes.get((name, line), (0, 0, 0))
            sizes[name, line] = (before[0] + size, before[1] + earlier, before[2] + between)
        return sizes

    def report(self, failed=0):
        """After two runs or more what is held of earlier ones; what was imported; what our modules allocated.
        `failed`: how many of the runs."""
        parts = [self._growth(failed), self._stopped(), self._garbage_report()] if self.runs > 1 else []
        parts += [self._import_report(), _native_report(self._options), _domain_report(self._options)]
        return "\n".join(part for part in parts if part)

    def _growth(self, failed):
        unit, limit = self._options.unit, self._options.limit
        rows = [row for row in self._courses.trends() if _grows(row[2])]
        rows.sort(key=lambda row: (_GROWING[row[2].kind][0], -row[2].rate, -row[1].earlier, row[0]))
        lines = ["Top %d lines by growth after %d runs" % (limit, self.runs)]
        if failed:
            lines[0] += ", %d of which failed" % failed
        for number, (key, line, trend) in enumerate(rows[:limit], 1):
            text = "%s a run%s, grew in %d of %d runs after the first, %s held from earlier runs%s" % (
                signed(round(trend.rate), unit),
                _GROWING[trend.kind][1],
                line.grew,
                self.runs - 1,
                amount(line.earlier, unit),
                ", most of it allocated between the runs" if 2 * line.between > line.size else "",
            )
            lines += entry(number, key, text)
        lines.append("")
        others = rows[limit:]
        if others:
            lines.append(
                "%d other: %s a run, %s held from earlier runs"
                % (
                    len(others),
                    signed(round(sum(trend.rate for _, _, trend in others)), unit),
                    amount(sum(line.earlier for _, line, _ in others), unit),
                )
            )
        total = self._courses.total()
        trend = self._courses.trend(total)
        lines.append("Total growth: %s a run" % signed(round(trend.rate) if _grows(trend) else 0, unit))
        lines.append("Total held from earlier runs: %s" % amount(total.earlier, unit))
        if rows and self.runs < FEW_RUNS:
            lines.append(
                "So few runs cannot tell a leak from what fills up once, as a cache does: -t %d can." % ENOUGH_RUNS
            )
        return "\n".join(lines) + "\n"

    def _stopped(self):
        """What a list of growth is not to be led by: what was filled once and stays."""
        unit, limit = self._options.unit, self._options.limit
        rows = [(trend.growth, key, trend) for key, _, trend in self._courses.trends() if trend.kind == "stopped"]
        if not rows:
            return ""
        rows.sort(key=lambda row: row[:2], reverse=True)
        lines = ["Grew and stopped, as a cache does that is full: %s" % amount(sum(row[0] for row in rows), unit)]
        for number, (growth, key, trend) in enumerate(rows[:limit], 1):
            text = "%s until run %d, none in %s since" % (
                signed(round(growth), unit),
                trend.last_rise,
                counted(self.runs - trend.last_rise, "run"),
            )
            lines += entry(number, key, text)[1:]
        others = rows[limit:]
        if others:
            lines.append("%d other: %s" % (len(others), amount(sum(row[0] for row in others), unit)))
        return "\n".join(lines) + "\n"

    def _garbage_report(self):
        unit, limit = self._options.unit, self._options.limit
        rows = [(size, key) for key, size in self._garbage.items() if size >= OBJECT_LEAST * self.runs]
        if not rows:
            return ""
        total = sum(self._garbage.values())
        what = "stays, since the collector is off" if self._collector_was_off else "the collector frees in time"
        lines = ["Garbage in cycles, which %s: %s a run" % (what, amount(round(total / self.runs), unit))]
        rows.sort(reverse=True)
        for number, (size, key) in enumerate(rows[:limit], 1):
            lines += entry(number, key, "%s a run" % amount(round(size / self.runs), unit))[1:]
        others = rows[limit:]
        if others:
            lines.append("%d other: %s a run" % (len(others), amount(round(sum(r[0] for r in others) / self.runs), unit)))
        return "\n".join(lines) + "\n"

    def _import_report(self):
        if not self._imports and not self._machinery:
            return ""
        unit, limit = self._options.unit, self._options.limit
        total = sum(self._imports.values())
        own = self._courses.total().size
        lines = [
            "Imports: %s in %s, the rest: %s"
            % (amount(total, unit), counted(len(self._imports), "module"), amount(own, unit)),
            "Code that was loaded for them and is not in the reports: %s" % amount(self._machinery, unit),
        ]
        rows = sorted(((size, module) for module, size in self._imports.items()), reverse=True)
        for number, (size, module) in enumerate(rows[:limit], 1):
            lines.append("#%d: %s: %s" % (number, module, amount(size, unit)))
        others = rows[limit:]
        if others:
            lines.append("%d other: %s" % (len(others), amount(sum(row[0] for row in others), unit)))
        return "\n".join(lines) + "\n"


def _grows(trend):
    return trend.kind in ("grows", "slows") and trend.rate > 0 or trend.kind == "varies" and trend.rate_low > 0


def _own_frame(frames):
    """The innermost frame that is not the base package's."""
    package = os.sep + os.path.join("datadog_checks", "base") + os.sep
    return next((frame for frame in frames if package not in frame[0]), frames[0])


def _native_report(options):
    """What the modules `aggregator`, `datadog_agent` and so on allocated for the check's calls."""
    calls = {}
    for frames, allocations, size in tracer.native_calls():
        total = calls.setdefault(_own_frame(frames), [0, 0])
        total[0] += allocations
        total[1] += size
    if not calls:
        return ""
    held = tracer.native_held()
    lines = [
        "Native memory of the agent's modules: %s in %s, %s held"
        % (
            amount(sum(size for _, size in calls.values()), options.unit),
            counted(sum(count for count, _ in calls.values()), "allocation"),
            amount(held, options.unit),
        )
    ]
    rows = sorted(((size, count, frame) for frame, (count, size) in calls.items()), reverse=True)
    for number, (size, count, frame) in enumerate(rows[: options.limit], 1):
        lines += entry(number, frame, "%s in %s" % (amount(size, options.unit), counted(count, "allocation")))[1:]
    return "\n".join(lines) + "\n"


def _domain_report(options):
    """What extensions with books of their own hold, which is also in the other reports, line by line."""
    return "".join(
        "Held by %s, outside of Python's allocators: %s in %s\n" % (name, amount(size, options.unit), counted(count, "block"))
        for name, count, size in tracer.domains()
    )
