"""Options that a check has by other names than those of the base package."""
from datadog_checks.base.config import is_affirmative


def remapped(instance, remapper):
    """The instance with its options under their own names. A remapper has, by another name, `name`, and as wanted
    `invert` and `default`."""
    found = dict(instance)
    for defaults in (False, True):
        for other, entry in (remapper or {}).items():
            value = entry.get("default") if defaults else instance.get(other)
            name = entry.get("name")
            if value is not None and name is not None and found.get(name) is None:
                found[name] = not is_affirmative(value) if entry.get("invert") else value
    return found
