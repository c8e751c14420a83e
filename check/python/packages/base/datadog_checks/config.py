"""An older name for datadog_checks.base.config."""
from datadog_checks.base.config import is_affirmative

__all__ = ["is_affirmative"]
