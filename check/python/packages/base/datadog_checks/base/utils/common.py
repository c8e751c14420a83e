"""Text as str and as bytes."""


def ensure_unicode(value):
    """str of bytes; anything else as it is."""
    return value.decode("utf-8") if isinstance(value, bytes) else value


def ensure_bytes(value):
    """bytes of a str; anything else as it is."""
    return value.encode("utf-8") if isinstance(value, str) else value


def to_string(value):
    """str of bytes; anything else as it is."""
    return ensure_unicode(value)


to_native_string = to_string
