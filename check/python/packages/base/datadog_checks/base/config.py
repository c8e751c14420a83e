"""Reading the values of a configuration."""


def is_affirmative(value):
    """Whether a value of any type says yes: true, 1, "yes", "y", "on", "t" in any case."""
    if value is None:
        return False
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    if isinstance(value, str):
        return value.strip().lower() in ("yes", "true", "1", "y", "on", "t")
    return bool(value)
