"""How long methods of checks take."""
import functools
import os
import time


def tracked_method(namespace=None, agent_check_getter=None, track_result_length=False):
    """A decorator: submits the time of each call as `dd.<namespace>.operation.time`, errors as `.operation.error`, and how long the
    result is as `.operation.result.length`. The namespace is the check's name unless one is given; DD_DISABLE_TRACKED_METHOD=true
    submits nothing."""

    def decorate(method):
        @functools.wraps(method)
        def call(self, *args, **keywords):
            if os.environ.get("DD_DISABLE_TRACKED_METHOD") == "true":
                return method(self, *args, **keywords)
            check = agent_check_getter(self) if agent_check_getter else self
            options = dict(check.debug_stats_kwargs()) if hasattr(check, "debug_stats_kwargs") else {}
            options["tags"] = [*(options.get("tags") or ()), f"operation:{method.__name__}"]
            options["raw"] = True
            name, began = f"dd.{namespace or check.name}.operation", time.monotonic()
            try:
                result = method(self, *args, **keywords)
            except Exception as error:
                check.count(f"{name}.error", 1, **{**options, "tags": [*options["tags"], f"error:{type(error)}"]})
                raise
            check.histogram(f"{name}.time", (time.monotonic() - began) * 1000, **options)
            if track_result_length and result is not None:
                check.gauge(f"{name}.result.length", len(result), **options)
            return result

        return call

    return decorate
