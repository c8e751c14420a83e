"""Where checks look for the older base of those that scrape a page."""
from datadog_checks.base.checks.openmetrics import OpenMetricsBaseCheck

__all__ = ["OpenMetricsBaseCheck"]
