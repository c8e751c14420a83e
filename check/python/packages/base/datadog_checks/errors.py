"""An older name for datadog_checks.base.errors."""
from datadog_checks.base.errors import CheckException, ConfigurationError

__all__ = ["CheckException", "ConfigurationError"]
