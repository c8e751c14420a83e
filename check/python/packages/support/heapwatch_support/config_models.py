"""Lets Datadog's checks run where pydantic is missing or too old for the models of their configuration.

Their base class takes "No module named ..." for the models as "this check has none" and then runs it without
validation; an ImportError from within the models would fail every run instead.
"""
import importlib.metadata
import logging

PYDANTIC_MAJOR_MIN = 2


def _has_pydantic():
    try:
        return int(importlib.metadata.version("pydantic").split(".")[0]) >= PYDANTIC_MAJOR_MIN
    except (importlib.metadata.PackageNotFoundError, ValueError):
        return False


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
        if not self._usable:
            raise ModuleNotFoundError(f"No module named {fullname!r}", name=fullname)
        return None
