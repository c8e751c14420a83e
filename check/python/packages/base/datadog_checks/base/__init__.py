"""What checks import from the base package."""
from datadog_checks.base.check import AgentCheck
from datadog_checks.base.config import is_affirmative
from datadog_checks.base.errors import CheckException, ConfigMissingError, ConfigTypeError, ConfigurationError, ConfigValueError
from datadog_checks.base.utils.common import ensure_bytes, ensure_unicode, to_native_string, to_string

__version__ = "0.1.0"
__all__ = ["AgentCheck", "CheckException", "ConfigMissingError", "ConfigTypeError", "ConfigurationError", "ConfigValueError",
           "OpenMetricsBaseCheck", "OpenMetricsBaseCheckV2", "ensure_bytes", "ensure_unicode", "is_affirmative",
           "to_native_string", "to_string", "__version__"]


def __getattr__(name):
    """Loaded by those who import them: most checks do not."""
    if name == "OpenMetricsBaseCheckV2":
        from datadog_checks.base.checks.openmetrics.v2.base import OpenMetricsBaseCheckV2

        return OpenMetricsBaseCheckV2
    if name == "OpenMetricsBaseCheck":
        from datadog_checks.base.checks.openmetrics import OpenMetricsBaseCheck

        return OpenMetricsBaseCheck
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
