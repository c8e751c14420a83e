"""What runs leave behind for good: the report that a comparison of single runs cannot give."""
import gc
import os

import _heapwatch_memory as tracer

from heapwatch_memory.amounts import amount, counted, signed
from heapwatch_memory.report import entry
from heapwatch_memory.traces import is_noise


class _Line:
    """What one line holds after each run."""

    def __init__(self):
        self.first = 0  # after the first run
        self.size = 0
        self.earlier = 0  # of runs before the last
        self.grew = 0  # in how many runs after the first


class Growth:
    """Watches what is held from run to run. Garbage is collected before each look, so it does not count."""

    def __init__(self, file_filter, options):
        self._filter = file_filter
        self._options = options
        self._lines = {}
        self._imports = {}
        self._machinery = 0
        self.runs = 0

    def observe(self, run):
        """After the run; `run` counts from 1."""
        gc.collect()
        self.runs = run
        sizes = {}
        self._imports = {}
        self._machinery = 0
        for name, line, module, size, _count, earlier in tracer.lines(run):
            if not self._filter.allows(name):
                if module is not None and is_noise(name):
                    self._machinery += size
                continue
            if module is not None:
                self._imports[module] = self._imports.get(module, 0) + size
                continue
            total = sizes.setdefault((name, line), [0, 0])
            total[0] += size
            total[1] += earlier
        for key in sizes.keys() | self._lines.keys():
            line = self._lines.setdefault(key, _Line())
            size, line.earlier = sizes.get(key, (0, 0))
            if run == 1:
                line.first = size
            elif size > line.size:
                line.grew += 1
            line.size = size

    def report(self):
        """After two runs or more what is held of earlier ones; what was imported; what our modules allocated."""
        parts = [self._growth()] if self.runs > 1 else []
        parts += [self._import_report(), _native_report(self._options)]
        return "\n".join(part for part in parts if part)

    def _per_run(self, line):
        return (line.size - line.first) / (self.runs - 1)

    def _growth(self):
        unit, limit = self._options.unit, self._options.limit
        rows = sorted(
            ((self._per_run(line), line.grew, line.earlier, key) for key, line in self._lines.items() if line.earlier),
            reverse=True,
        )
        lines = ["Top %d lines by growth after %d runs" % (limit, self.runs)]
        for number, (per_run, grew, earlier, frame) in enumerate(rows[:limit], 1):
            text = "%s a run, grew in %d of %d runs after the first, %s held from earlier runs"
            lines += entry(
                number, frame, text % (signed(round(per_run), unit), grew, self.runs - 1, amount(earlier, unit))
            )
        lines.append("")
        others = rows[limit:]
        if others:
            lines.append(
                "%d other: %s a run, %s held from earlier runs"
                % (
                    len(others),
                    signed(round(sum(row[0] for row in others)), unit),
                    amount(sum(row[2] for row in others), unit),
                )
            )
        lines.append("Total growth: %s a run" % signed(round(sum(self._per_run(l) for l in self._lines.values())), unit))
        lines.append("Total held from earlier runs: %s" % amount(sum(row[2] for row in rows), unit))
        return "\n".join(lines) + "\n"

    def _import_report(self):
        if not self._imports and not self._machinery:
            return ""
        unit, limit = self._options.unit, self._options.limit
        total = sum(self._imports.values())
        own = sum(line.size for line in self._lines.values())
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
