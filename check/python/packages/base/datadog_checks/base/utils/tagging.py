"""Tags of others: the agent's tagger, and the keys that mean something to the whole platform."""
import tagger

from datadog_checks.base.names import GENERIC_TAGS

__all__ = ["GENERIC_TAGS", "tagger"]
