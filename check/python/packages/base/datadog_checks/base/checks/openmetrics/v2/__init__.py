"""Checks that scrape a page of OpenMetrics or Prometheus."""
from datadog_checks.base.checks.openmetrics.v2.base import OpenMetricsBaseCheckV2
from datadog_checks.base.checks.openmetrics.v2.scraper import OpenMetricsScraper

__all__ = ["OpenMetricsBaseCheckV2", "OpenMetricsScraper"]
