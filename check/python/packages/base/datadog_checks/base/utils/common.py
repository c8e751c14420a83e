"""Text as str and as bytes, and small arithmetic."""
import decimal
import re


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


def round_value(value, precision=0, rounding_method=decimal.ROUND_HALF_UP):
    """The value with so many digits after the point; a half goes up."""
    return float(decimal.Decimal(str(value)).quantize(decimal.Decimal(1).scaleb(-precision), rounding=rounding_method))


def compute_percent(part, total):
    """0 of nothing."""
    return part / total * 100 if total else 0


def total_time_to_temporal_percent(total_time, scale=1000):
    """Time of a growing total, in parts of a second, as what its rate makes a percentage."""
    return total_time / scale * 100


def exclude_undefined_keys(mapping):
    return {key: value for key, value in mapping.items() if value is not None}


def pattern_filter(items, whitelist=None, blacklist=None, key=None):
    """The items in which a pattern of `whitelist` is found (all, without one), less those in which one of `blacklist` is."""
    text = key or (lambda item: item)

    def found(patterns, item):
        return any(re.search(pattern, text(item)) for pattern in patterns)

    return [item for item in items
            if (not whitelist or found(whitelist, item)) and not (blacklist and found(blacklist, item))]
