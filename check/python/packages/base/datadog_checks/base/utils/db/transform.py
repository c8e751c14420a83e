"""The types of columns and extras.

A type is a function of (types, name, **modifiers) that gives the transformer of one column: a function of
(sources, value, **options), or, for an extra, of (sources, **options). `sources` are the values of the row so far, by name;
`options` are the tags and the host of what is submitted.
"""
import datetime
import re

from datadog_checks.base.config import is_affirmative
from datadog_checks.base.constants import ServiceCheck
from datadog_checks.base.utils.common import compute_percent, total_time_to_temporal_percent
from datadog_checks.base.utils.constants import TIME_UNITS
from datadog_checks.base.utils.db.utils import create_extra_transformer, normalize_datetime

_FUNCTIONS = {function.__name__: function
              for function in (abs, all, any, bool, divmod, float, int, len, max, min, pow, str, sum)}


def _required(modifiers, name, kind=None):
    value = modifiers.pop(name, None)
    if value is None:
        raise ValueError(f"the `{name}` parameter is required")
    if kind is not None and not isinstance(value, kind):
        raise ValueError(f"the `{name}` parameter must be a {'mapping' if kind is dict else 'string'}")
    if kind is not None and not value:
        raise ValueError(f"the `{name}` parameter must not be empty")
    return value


def tag(_types, name, boolean=False, **_):
    """A tag of all that is submitted for the row."""
    if is_affirmative(boolean):
        return lambda _sources, value, **_options: f"{name}:{str(is_affirmative(value)).lower()}"
    return lambda _sources, value, **_options: f"{name}:{value}"


def tag_list(_types, name, **_):
    """A tag of each item of a list, or of a text that is separated by commas."""

    def tags(_sources, value, **_options):
        items = [item.strip() for item in value.split(",")] if isinstance(value, str) else value or ()
        return [f"{name}:{item}" for item in items]

    return tags


def tag_not_null(_types, name, **modifiers):
    """A tag, unless there is no value."""
    of_value = tag(_types, name, **modifiers)
    return lambda sources, value, **options: None if value is None else of_value(sources, value, **options)


def monotonic_gauge(types, name, **modifiers):
    """`.total` as a gauge and `.count` as a monotonic_count."""
    both = [types[kind](types, f"{name}.{end}", **modifiers) for kind, end in (("gauge", "total"), ("monotonic_count", "count"))]

    def submit(sources, value, **options):
        for one in both:
            one(sources, value, **options)

    return submit


def temporal_percent(types, name, **modifiers):
    """The share of time that a growing total of time makes; `scale` is its unit, or how many of it are a second."""
    scale = _required(modifiers, "scale")
    if isinstance(scale, str):
        if scale.lower() not in TIME_UNITS:
            raise ValueError(f"the `scale` parameter must be one of: {' | '.join(sorted(TIME_UNITS))}")
        scale = TIME_UNITS[scale.lower()]
    elif not isinstance(scale, int):
        raise ValueError("the `scale` parameter must be an integer: how many of the unit are a second")
    rate = types["rate"](types, name, **modifiers)
    return lambda sources, value, **options: rate(sources, total_time_to_temporal_percent(float(value), scale), **options)


def match(types, _name, **modifiers):
    """By the value of the column, one of `items`, each with a type, a name, and the source that is its value."""
    items = _required(modifiers, "items", dict)
    common = modifiers.pop("source", None)
    made = {}
    for value, item in items.items():
        if not isinstance(item, dict):
            raise ValueError(f"item `{value}` is not a mapping")
        rest = {"source": common, **item}
        parts = {}
        for key in ("name", "type", "source"):
            parts[key] = rest.pop(key, None)
            if not parts[key] or not isinstance(parts[key], str):
                raise ValueError(f"the `{key}` parameter for item `{value}` is required and must be a string")
        if parts["type"] not in types:
            raise ValueError(f"unknown type `{parts['type']}` for item `{value}`")
        made[value] = parts["source"], types[parts["type"]](types, parts["name"], **{**modifiers, **rest})

    def submit(sources, value, **options):
        if value in made:
            source, transformer = made[value]
            transformer(sources, sources[source], **options)

    return submit


def service_check(types, name, **modifiers):
    """`status_map` is from values to OK, WARNING, CRITICAL or UNKNOWN; any other value is UNKNOWN."""
    statuses = {}
    for value, word in _required(modifiers, "status_map", dict).items():
        status = getattr(ServiceCheck, word.upper(), None) if isinstance(word, str) else None
        if status is None:
            raise ValueError(f"invalid status `{word}` for value `{value}` of parameter `status_map`")
        statuses[value] = status
    message = modifiers.pop("message", None)
    submit = types["__service_check"](types, name, **modifiers)

    def check(sources, value, **options):
        if message is not None:
            options["message"] = message.format(**sources) if isinstance(message, str) else message
        submit(sources, statuses.get(value, ServiceCheck.UNKNOWN), **options)

    return check


def time_elapsed(types, name, **modifiers):
    """Seconds since a time: one of the library's own, or a text of the given `format`."""
    form = modifiers.pop("format", "native")
    if not isinstance(form, str):
        raise ValueError("the `format` parameter must be a string")
    gauge = types["gauge"](types, name, **modifiers)

    def elapsed(sources, value, **options):
        moment = normalize_datetime(value if form == "native" else datetime.datetime.strptime(value, form))
        gauge(sources, (datetime.datetime.now(moment.tzinfo) - moment).total_seconds(), **options)

    return elapsed


def expression(types, name, **modifiers):
    """A calculation with sources; its result is a source itself, and is submitted where there is a `submit_type`."""
    known = sorted(map(re.escape, modifiers.pop("sources")), key=len, reverse=True)
    text = _required(modifiers, "expression", str)
    if not modifiers.pop("verbose", False) and known:
        # Whole names alone, and not within quotes: there it is a text.
        text = re.sub(rf"(?<![\"'\w.])({'|'.join(known)})(?![\"'\w]|\.\w)", lambda found: f'SOURCES["{found[1]}"]', text)
    code = compile(text, name, "eval")
    submit = None
    if "submit_type" in modifiers:
        kind = modifiers.pop("submit_type")
        if kind not in types:
            raise ValueError(f"unknown submit_type `{kind}`")
        submit = types[kind](types, name, **modifiers)

    def calculate(sources, **options):
        result = eval(code, {"__builtins__": _FUNCTIONS}, {"SOURCES": sources})  # the operator's own text
        if submit is not None:
            submit(sources, result, **options)
        return result

    return calculate


def percent(types, name, **modifiers):
    """100 times `part` by `total`, which are sources; 0 of nothing."""
    known = modifiers.pop("sources")
    part, total = _required(modifiers, "part", str), _required(modifiers, "total", str)
    for key, source in (("part", part), ("total", total)):
        if source not in known:
            raise ValueError(f"the `{key}` parameter `{source}` is not an available source")
    gauge = types["gauge"](types, name, **modifiers)
    return lambda sources, **options: gauge(sources, compute_percent(sources[part], sources[total]), **options)


def log(types, name, **modifiers):
    """`attributes`: of a log, from its keys to sources. Logs are counted and go nowhere, as those of other checks do."""
    attributes = _required(modifiers, "attributes", dict)
    send = types["__send_log"](types, **modifiers) if "__send_log" in types else None

    def submit(sources, **_options):
        if send is not None:
            send(sources, {key: sources[source] for key, source in attributes.items()})

    return submit


COLUMN_TRANSFORMERS = {"tag": tag, "tag_list": tag_list, "tag_not_null": tag_not_null, "monotonic_gauge": monotonic_gauge,
                       "temporal_percent": temporal_percent, "match": match, "service_check": service_check,
                       "time_elapsed": time_elapsed}
EXTRA_TRANSFORMERS = {"expression": expression, "percent": percent, "log": log}

__all__ = ["COLUMN_TRANSFORMERS", "EXTRA_TRANSFORMERS", "create_extra_transformer"]
