"""What checks import from the base package."""
from datadog_checks.base.check import AgentCheck
from datadog_checks.base.config import is_affirmative
from datadog_checks.base.errors import ConfigurationError
from datadog_checks.base.utils.common import ensure_bytes, ensure_unicode, to_native_string, to_string

__version__ = "0.1.0"
__all__ = ["AgentCheck", "ConfigurationError", "ensure_bytes", "ensure_unicode", "is_affirmative", "to_native_string",
           "to_string", "__version__"]
