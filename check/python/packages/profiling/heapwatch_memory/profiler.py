"""Runs a check with its memory profiled, when that is asked for."""
import threading
import time

import _heapwatch_memory as tracer

from heapwatch_memory import files, options
from heapwatch_memory.growth import Growth
from heapwatch_memory.report import diff_report, snapshot_report
from heapwatch_memory.tracers import IncompleteTrace, Native, Tracemalloc
from heapwatch_memory.traces import FileFilter, by_stack, group

METRIC = "datadog.agent.profile.memory.check_run_alloc"

GIVE_UP_AFTER_S = 30  # as long as the scheduler waits before it takes a run for stuck


class _Turn:
    """One profile at a time in the process: two would see each other's memory. Held until the report is written, but a
    run that does not return does not keep the profiles of all others away."""

    def __init__(self):
        self._lock = threading.Lock()
        self._profile = None
        self._since = 0.0

    def take(self, profile):
        with self._lock:
            if self._profile is not None:
                if time.monotonic() - self._since < GIVE_UP_AFTER_S or not self._profile.give_up():
                    return False
                profile.log.warning(
                    "the memory profile of %s is given up, since its run takes longer than %d s: others go on",
                    self._profile.name,
                    GIVE_UP_AFTER_S,
                )
            self._profile = profile
            self._since = time.monotonic()
            return True

    def release(self, profile):
        with self._lock:
            if self._profile is profile:
                self._profile = None


_turn = _Turn()


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
    if profile is None or not _turn.take(profile):
        return function(instance)
    try:
        profile.run(lambda: function(instance))
    finally:
        _turn.release(profile)


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


class Profile:
    """Of the runs of one check."""

    def __init__(self, check, chosen):
        self._check = check
        self._options = chosen
        self._tracer = None

    @property
    def name(self):
        return self._check.check_id or self._check.name

    @property
    def log(self):
        return self._check.log

    def give_up(self):
        """See Tracer."""
        return self._tracer.give_up()


class LiveProfile(Profile):
    """One metric for each successful run: what it left behind."""

    def __init__(self, check, chosen):
        super().__init__(check, chosen)
        if chosen.profiler == "tracemalloc":
            self._tracer = Tracemalloc(chosen)
        else:
            # Only cumulative sums depend on more than the innermost frame.
            enough = 1 <= chosen.frames <= 65535 and not chosen.combine
            self._tracer = Native(chosen, 1 if enough else chosen.frames, with_blocks=False)

    def run(self, function):
        try:
            self._tracer.measure(function, 1, _collects_first(self._options))
            self._tracer.stop()
            allows = FileFilter(self._options).allows
            stacks = {frames: total for frames, total in self._tracer.stacks().items() if allows(frames[0][0])}
            groups = group(stacks, self._options.sort, self._options.combine)
            total = sum(size for size, _ in groups.values())
        except IncompleteTrace as error:
            self.log.warning("this run has no memory profile: %s", error)
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


def _collects_first(chosen):
    """Datadog's profiler does. Ours does not unless it is asked to: where a check or a program has switched the
    collector off, a profile that collects would cure the leak that it is to show."""
    return chosen.gc or chosen.profiler == "tracemalloc"


class FileProfile(Profile):
    """Reports, each compared with the one before, in a folder when there is one."""

    def __init__(self, check, chosen, directory):
        super().__init__(check, chosen)
        self._filter = FileFilter(chosen)
        self._location = files.folder(directory, check.name, check.check_id or check.name) if directory else None
        self._last = None  # the stacks of the last run, when there is no folder
        if chosen.profiler == "tracemalloc":
            self._tracer = Tracemalloc(chosen)
        else:
            self._tracer = Native(chosen, chosen.frames, with_blocks=self._location is not None)
        self._runs = 0
        self.snapshot_text = None
        self.diff_text = None

    def run(self, function):
        try:
            self._measure(function, _collects_first(self._options))
            self._tracer.stop()
            self._report()
        except IncompleteTrace as error:
            self.log.warning("this run has no memory profile: %s", error)
        finally:
            self._tracer.close()

    def _measure(self, function, collect_first):
        self.snapshot_text = self.diff_text = None
        self._runs += 1
        self._tracer.measure(function, self._runs, collect_first)

    def _groups(self, stacks):
        return group(stacks, self._options.sort, self._options.combine)

    def _write(self, folder_name, kind, at, text):
        if self._location:
            files.write_report(self._location, folder_name, kind, at, text)
        return text

    def _report(self):
        """Makes the reports of the run that has just been measured."""
        allows = self._filter.allows
        stacks = {frames: total for frames, total in self._tracer.stacks().items() if allows(frames[0][0])}
        groups = self._groups(stacks)
        at = files.moment()
        self.snapshot_text = self._write("snapshots", "snapshot", at, snapshot_report(groups, self._options))
        last = self._take_last(stacks)
        if last is not None:
            text = diff_report(groups, self._groups(last), self._options)
            self.diff_text = self._write("diffs", "diff", at, text)

    def _take_last(self, stacks):
        """Those of the run before, or None; `stacks` take their place."""
        if self._location is None:
            last, self._last = self._last, stacks
            return last
        last = files.load_last(self._location, self.log)
        files.save_last(self._location, self._tracer.snapshot(self._filter.allows))
        return by_stack(last) if last is not None else None


class CommandProfile(FileProfile):
    """All runs of one instance in one go: the tracer is not switched off in between, and what is held is followed."""

    def __init__(self, check, chosen, directory):
        super().__init__(check, chosen, directory)
        self._is_native = isinstance(self._tracer, Native)
        self._growth = Growth(self._filter, chosen) if self._is_native else None
        self._failed = 0

    def give_up(self):
        return False  # nothing else is to be profiled

    def run(self, function):
        was_own = tracer.own(True)
        try:
            if self._growth and self._runs > 0:
                self._growth.observe(self._runs)
            self._failed += 1
            self._measure(function, collect_first=self._runs == 0 or not self._is_native)
            self._failed -= 1
            self._report()
        finally:
            tracer.own(was_own)

    def finish(self):
        """(snapshot report, diff report, growth report, profile.proto): each None where there is none."""
        was_own = tracer.own(True)
        try:
            growth_text = proto = None
            if self._is_native and self._runs > (1 if self.snapshot_text is None else 0):
                self._growth.observe(self._runs)
                self._tracer.stop()
                growth_text = self._growth.report(self._failed) or None
                if growth_text:
                    self._write("growth", "growth", files.moment(), growth_text)
                proto = self._proto()
            return self.snapshot_text, self.diff_text, growth_text, proto
        finally:
            tracer.own(was_own)
            self._tracer.close()

    def _proto(self):
        allowed = [
            row[0] for run in range(self._runs + 1) for row in tracer.stacks(run) if self._filter.allows(row[1][0][0])
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
    """From now on every check is profiled, into `directory` if it is not None; `given`: options of the command line."""
    global _command
    _command = Command(directory, dict(given))


def is_command():
    return _command is not None


def finish_command(check_id):
    """Ends the profile of an instance: see CommandProfile.finish()."""
    return _command.finish(check_id)
