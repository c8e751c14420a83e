"""Puts the profiler around the runs of a check, whichever base package it is written for."""
import sys
import weakref

import _heapwatch_memory as tracer

from heapwatch_memory import options, profiler


def attach(check):
    """Our base package asks run_hook at each run. Datadog's has a profiler of its own, and is told of it in its own
    words where that one is to run: for a folder in its configuration, and for `profiler: tracemalloc`."""
    hook = sys.modules.get("datadog_checks.base.run_hook")
    if hook is not None:
        hook.profiler = profiler.call
        return
    init_config = check.init_config if isinstance(check.init_config, dict) else {}
    if profiler.is_command():
        init_config.pop("profile_memory", None)
        _surround(check)
    elif "profile_memory" in init_config or options.read(init_config).profiler == "tracemalloc":
        init_config.update(options.long_names(init_config))
    else:
        _surround(check)


def _surround(check):
    kind = type(check)
    reference = weakref.ref(check)  # the check does not hold itself

    def run():
        before = tracer.hide_tracemalloc(True)
        try:
            return kind.run(reference())
        finally:
            tracer.hide_tracemalloc(before)

    def profiled_check(*args, **kwargs):
        before = tracer.hide_tracemalloc(False)
        try:
            owner = reference()
            return profiler.call(owner, None, lambda _: kind.check(owner, *args, **kwargs))
        finally:
            tracer.hide_tracemalloc(before)

    check.run = run
    check.check = profiled_check
