"""The options of a memory profile, from init_config and from the command line."""
PREFIX = "profile_memory_"

_DEFAULTS = {
    "frames": 100,
    "gc": False,
    "combine": False,
    "sort": "lineno",
    "limit": 30,
    "diff": "absolute",
    "filters": (),
    "unit": "dynamic",
    "verbose": False,
    "profiler": "native",
}


class Options:
    """An attribute for each option. Imports little, since what is imported here no check imports any more."""

    def __init__(self, **values):
        self.__dict__.update(_DEFAULTS, **values)


def _integer(key, value):
    try:
        return int(value)
    except (TypeError, ValueError):
        raise ValueError(f"{key} must be an integer, not {value!r}") from None


def _switch(key, value):
    return bool(_integer(key, value))


def _text(key, value):
    return str(value)


def _patterns(key, value):
    return tuple(str(value).split(",")) if str(value) else ()


def _profiler(key, value):
    if value not in ("native", "sampled", "tracemalloc"):
        raise ValueError(f"{key} must be native, sampled or tracemalloc, not {value!r}")
    # The sampled profile is the running agent's; what a run leaves behind is found as ever.
    return "native" if value == "sampled" else value


_READERS = {
    "frames": _integer,
    "gc": _switch,
    "combine": _switch,
    "sort": _text,
    "limit": _integer,
    "diff": _text,
    "filters": _patterns,
    "unit": _text,
    "verbose": _switch,
    "profiler": _profiler,
}


def read(init_config, given=None):
    """What is `given` on the command line goes before profile_memory_<option>, and that before <option> alone.

    A list or a map under one of the short names is an option of the check's own and no business of ours.
    """
    values = {}
    for name, reader in _READERS.items():
        long_key = PREFIX + name
        if given and name in given:
            values[name] = reader("--m-" + name, given[name])
        elif init_config.get(long_key) is not None:
            values[name] = reader(long_key, init_config[long_key])
        elif isinstance(init_config.get(name), (str, int, float, bool)):
            values[name] = reader(name, init_config[name])
    return Options(**values)


def long_names(init_config):
    """The options that stand there under their short names alone, by their long ones."""
    return {
        PREFIX + name: init_config[name]
        for name in _READERS
        if name != "profiler" and isinstance(init_config.get(name), (str, int, float, bool)) and PREFIX + name not in init_config
    }
