"""Options as attributes, for checks that read `self.config`.

The classes in which such checks describe their options need a library that may not be there. They are not needed for reading:
an option that is not given has the value that the check's own `config_models/defaults.py` says, or None.
"""
import importlib.util
import inspect
import pathlib
import sys
from collections.abc import Mapping


class Options(Mapping):
    """A map whose keys are attributes, too; what is not in it is None."""

    def __init__(self, values, default=lambda name: None):
        self._values, self._default = values, default

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return self[name] if name in self._values else _read(self._default(name))

    def __getitem__(self, name):
        return _read(self._values[name])

    def __iter__(self):
        return iter(self._values)

    def __len__(self):
        return len(self._values)

    def __repr__(self):
        return f"Options({', '.join(map(str, self._values))})"  # no values: there may be passwords among them

    def model_dump(self):
        return dict(self._values)


def _read(value):
    if isinstance(value, dict):
        return Options(value)
    return tuple(map(_read, value)) if isinstance(value, list) else value


def _defaults(check):
    """The module with the defaults of a check that is a package; None: it has none."""
    package = ".".join(type(check).__module__.split(".")[:2])
    for folder in getattr(sys.modules.get(package), "__path__", ()):
        file = pathlib.Path(folder) / "config_models" / "defaults.py"
        if file.is_file():
            name = f"{package}.config_models.defaults"
            if name not in sys.modules:
                spec = importlib.util.spec_from_file_location(name, file)
                module = importlib.util.module_from_spec(spec)
                spec.loader.exec_module(module)
                sys.modules[name] = module
            return sys.modules[name]
    return None


def options_of(check, section, values):
    """`section` is what the names of its defaults begin with: instance or shared."""
    defaults = _defaults(check)

    def default(name):
        given = getattr(defaults, f"{section}_{name}", None)
        if given is None:
            return None
        return given(*(None for _ in inspect.signature(given).parameters))  # older ones take a field and a value

    return Options(dict(values or {}), default)
