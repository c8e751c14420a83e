"""What requests of checks raise."""
from datadog_checks.base.utils.http import ConnectionError, HTTPError, RequestException, SSLError, Timeout

__all__ = ["ConnectionError", "HTTPError", "RequestException", "SSLError", "Timeout"]
