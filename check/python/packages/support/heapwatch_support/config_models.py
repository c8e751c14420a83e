"""Lets Datadog's checks run where pydantic is missing or too old for the models of their configuration.

Their base class runs a check whose package of models has none without validation; an ImportError from within the models would fail
every run instead. So the package is there, with its folder and without what its files define, but for ConfigMixin, from which checks
derive; what in it needs no models, such as the defaults, can be imported.
"""
import importlib.abc
import importlib.metadata
import importlib.util
import logging
import pathlib

PYDANTIC_MAJOR_MIN = 2


def _has_pydantic():
    try:
        return int(importlib.metadata.version("pydantic").split(".")[0]) >= PYDANTIC_MAJOR_MIN
    except (importlib.metadata.PackageNotFoundError, ValueError):
        return False


class _WithoutModels(importlib.abc.Loader):
    def create_module(self, spec):
        return None

    def exec_module(self, module):
        module.ConfigMixin = type("ConfigMixin", (), {"__module__": module.__name__})


class ConfigModelsFinder:
    """Answers for `datadog_checks.<check>.config_models` alone."""

    def __init__(self):
        self._usable = None

    def find_spec(self, fullname, path=None, target=None):
        parts = fullname.split(".")
        if len(parts) != 3 or parts[0] != "datadog_checks" or parts[2] != "config_models":
            return None
        if self._usable is None:
            self._usable = _has_pydantic()
            if not self._usable:
                logging.getLogger(__name__).info(
                    "pydantic 2 is not installed: the configuration of Datadog's checks is not validated")
        if self._usable:
            return None
        folders = [str(folder) for entry in path or () if (folder := pathlib.Path(entry, parts[2])).is_dir()]
        if not folders:
            return None
        spec = importlib.util.spec_from_loader(fullname, _WithoutModels(), is_package=True)
        spec.submodule_search_locations = folders
        return spec
