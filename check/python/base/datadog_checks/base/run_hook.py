"""What surrounds the call of a check's own code in a run: the place where memory profiling comes in."""


def call(check, instance):
    """Calls check.check(instance); `instance` is a copy for this run. What the check raises goes through."""
    check.check(instance)
