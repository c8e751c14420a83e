"""The oldest names of the base of checks that scrape a page."""
from datadog_checks.base.checks.openmetrics import OpenMetricsBaseCheck


class GenericPrometheusCheck(OpenMetricsBaseCheck):
    """Takes what OpenMetricsBaseCheck takes, and says it in the same way."""


__all__ = ["GenericPrometheusCheck"]
