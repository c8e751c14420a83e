"""Runs a check with its memory profiled, when that is asked for."""
import threading

import _heapwatch_memory as tracer

from heapwatch_memory import files, options
from heapwatch_memory.growth import Growth
from heapwatch_memory.report import diff_report, snapshot_report
from heapwatch_memory.tracers import IncompleteTrace, Native, Tracemalloc
from heapwatch_memory.traces import FileFilter, by_stack, group

METRIC = "datadog.agent.profile.memory.check_run_alloc"

# One profile at a time in the process: two would see each other's memory. Held until the report is written.
_lock = threading.Lock()


def _names(text):
    return {name.strip() for name in str(text or "").split(",") if name}


def is_included(name, get_config, log):
    """Whether the agent's lists let this check be profiled; the older names count where the newer are empty."""

    def names(key, older_key):
        newer, older = get_config(key), get_config(older_key)
        if newer and older:
            log.warning("%s is set, so %s does not count", key, older_key)
        return _names(newer or older)

    included = names("tracemalloc_include", "tracemalloc_whitelist")
    excluded = names("tracemalloc_exclude", "tracemalloc_blacklist")
    return (not included or name in included) and name not in excluded


def call(check, instance, function=None):
    """check.check(instance), or `function` in its place. What it raises goes through, and then there is no profile."""
    function = function or check.check
    profile = _profile_of(check)
    if profile is None or not _lock.acquire(blocking=False):
        return function(instance)
    try:
        profile.run(lambda: function(instance))
    finally:
        _lock.release()


def _profile_of(check):
    if _command is not None:
        return _command.profile_of(check)
    init_config = check.init_config or {}
    if init_config.get("profile_memory"):
        return FileProfile(check, options.read(init_config), str(init_config["profile_memory"]))
    import datadog_agent

    if datadog_agent.tracemalloc_enabled() and is_included(check.name, datadog_agent.get_config, check.log):
        return LiveProfile(check, options.read(init_config))
    return None


class LiveProfile:
    """One metric for each successful run: what it left behind."""

    def __init__(self, check, chosen):
        self._check = check
        self._options = chosen
        if chosen.profiler == "tracemalloc":
            self._tracer = Tracemalloc(chosen)
        else:
            # Only cumulative sums depend on more than the innermost frame.
            enough = 1 <= chosen.frames <= 65535 and not chosen.combine
            self._tracer = Native(chosen, 1 if enough else chosen.frames, with_blocks=False)

    def run(self, function):
        try:
            self._tracer.measure(function, 1)
            if isinstance(self._tracer, Native):
                self._tracer.stop()
            allows = FileFilter(self._options).allows
            stacks = {frames: total for frames, total in self._tracer.stacks().items() if allows(frames[0][0])}
            groups = group(stacks, self._options.sort, self._options.combine)
            total = sum(size for size, _ in groups.values())
        except IncompleteTrace as error:
            self._check.log.warning("this run has no memory profile: %s", error)
            return
        finally:
            self._tracer.close()
        self._check.gauge(METRIC, float(total), tags=self._tags(), raw=True)

    def _tags(self):
        check = self._check
        instance = check.instances[0] if check.instances else {}
        version = getattr(check, "check_version", "0.0.0")
        return [
            f"check_name:{check.name}",
            f"check_version:{version}",
            *(instance.get("tags") or []),
            *(instance.get("__memory_profiling_tags") or []),
        ]


class FileProfile:
    """Reports in a folder, each compared with the one before."""

    def __init__(self, check, chosen, directory):
        self._check = check
        self._options = chosen
        self._filter = FileFilter(chosen)
        self._location = files.folder(directory, check.name, check.check_id or check.name)
        if chosen.profiler == "tracemalloc":
            self._tracer = Tracemalloc(chosen)
        else:
            self._tracer = Native(chosen, chosen.frames, with_blocks=True)
        self._runs = 0
        self.snapshot_text = None
        self.diff_text = None

    @property
    def location(self):
        return self._location

    def run(self, function):
        try:
            self._measure(function)
            if isinstance(self._tracer, Native):
                self._tracer.stop()
            self._report()
        finally:
            self._tracer.close()

    def _measure(self, function):
        self.snapshot_text = self.diff_text = None
        self._runs += 1
        self._tracer.measure(function, self._runs)

    def _groups(self, stacks):
        return group(stacks, self._options.sort, self._options.combine)

    def _report(self):
        """Writes the reports of the run that has just been measured."""
        allows = self._filter.allows
        stacks = {frames: total for frames, total in self._tracer.stacks().items() if allows(frames[0][0])}
        groups = self._groups(stacks)
        at = files.moment()
        text = snapshot_report(groups, self._options)
        files.write_report(self._location, "snapshots", "snapshot", at, text)
        self.snapshot_text = text
        last = files.load_last(self._location, self._check.log)
        if last is not None:
            text = diff_report(groups, self._groups(by_stack(last)), self._options)
            files.write_report(self._location, "diffs", "diff", at, text)
            self.diff_text = text
        files.save_last(self._location, self._tracer.snapshot(allows))


class CommandProfile(FileProfile):
    """All runs of one instance in one go: the tracer is not switched off in between, and what is held is followed."""

    def __init__(self, check, chosen, directory):
        super().__init__(check, chosen, directory)
        self._is_native = isinstance(self._tracer, Native)
        self._growth = Growth(self._filter, chosen) if self._is_native else None

    def run(self, function):
        if self._growth and self._runs > 0:
            self._growth.observe(self._runs)
        self._measure(function)
        self._report()

    def finish(self):
        """(snapshot report, diff report, growth report, profile.proto): each None where there is none."""
        try:
            if self.snapshot_text is None:
                return None, None, None, None
            growth_text = proto = None
            if self._is_native:
                self._growth.observe(self._runs)
                self._tracer.stop()
                growth_text = self._growth.report() or None
                if growth_text:
                    files.write_report(self._location, "growth", "growth", files.moment(), growth_text)
                proto = self._proto()
            return self.snapshot_text, self.diff_text, growth_text, proto
        finally:
            self._tracer.close()

    def _proto(self):
        allowed = [
            row[0] for run in range(1, self._runs + 1) for row in tracer.stacks(run) if self._filter.allows(row[1][0][0])
        ]
        return tracer.profile(allowed, self._check.check_id or self._check.name)


class Command:
    """`heapwatch check <name> -m`: every instance is profiled, with what the command line says."""

    def __init__(self, directory, given):
        self._directory = directory
        self._given = given
        self._profiles = {}

    def profile_of(self, check):
        profile = self._profiles.get(check.check_id)
        if profile is None:
            chosen = options.read(check.init_config or {}, self._given)
            profile = self._profiles[check.check_id] = CommandProfile(check, chosen, self._directory)
        return profile

    def finish(self, check_id):
        profile = self._profiles.pop(check_id, None)
        return profile.finish() if profile is not None else (None, None, None, None)


_command = None


def profile_command(directory, given):
    """From now on every check is profiled into `directory`; `given`: the options of the command line."""
    global _command
    _command = Command(directory, dict(given))


def is_command():
    return _command is not None


def finish_command(check_id):
    """Ends the profile of an instance: see CommandProfile.finish()."""
    with _lock:
        return _command.finish(check_id)
