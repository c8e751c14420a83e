"""The base of checks that scrape a page of OpenMetrics or Prometheus."""
from datadog_checks.base.check import AgentCheck
from datadog_checks.base.checks.openmetrics.v2.scraper import OpenMetricsScraper
from datadog_checks.base.errors import ConfigurationError


class OpenMetricsBaseCheckV2(AgentCheck):
    """A check of this kind says what to collect in get_default_config(), or puts whole configurations into
    `scraper_configs` before configure_scrapers() runs. The options are on the page of the project about Python checks."""

    DEFAULT_METRIC_LIMIT = 2000

    def __init__(self, name, init_config, instances):
        super().__init__(name, init_config, instances)
        self.scraper_configs = [self.instance] if self.instance else []
        self.scrapers = {}
        self.check_initializations.append(self.configure_scrapers)

    def check(self, _):
        self.refresh_scrapers()
        for endpoint, scraper in self.scrapers.items():
            self.log.debug("Scraping OpenMetrics endpoint: %s", endpoint)
            scraper.scrape()

    def configure_scrapers(self):
        scrapers = {}
        for config in self.scraper_configs:
            endpoint = config.get("openmetrics_endpoint", "")
            if not isinstance(endpoint, str):
                raise ConfigurationError("The setting `openmetrics_endpoint` must be a string")
            if not endpoint:
                raise ConfigurationError("The setting `openmetrics_endpoint` is required")
            scrapers[endpoint] = self.create_scraper(config)
        self.scrapers = scrapers

    def create_scraper(self, config):
        return OpenMetricsScraper(self, self.get_config_with_defaults(config))

    def refresh_scrapers(self):
        """Before every run; for checks whose endpoints come and go."""

    def set_dynamic_tags(self, *tags):
        for scraper in self.scrapers.values():
            scraper.set_dynamic_tags(*tags)

    def get_config_with_defaults(self, config):
        return {**self.get_default_config(), **{key: value for key, value in config.items() if value is not None}}

    def get_default_config(self):
        return {}
