"""One page: its request, its labels as tags, its families to those who submit them."""
import math
import re

from datadog_checks.base.checks.openmetrics.parser import parse
from datadog_checks.base.checks.openmetrics.v2.transform import MetricTransformer
from datadog_checks.base.config import is_affirmative
from datadog_checks.base.errors import ConfigurationError
from datadog_checks.base.utils.http import RequestException

ACCEPT = "application/openmetrics-text; version=1.0.0, text/plain; version=0.0.4; q=0.5, */*; q=0.1"


def _list(config, name):
    value = config.get(name, [])
    if not isinstance(value, list):
        raise ConfigurationError(f"Setting `{name}` must be an array")
    return value


def _texts(config, name):
    for index, value in enumerate(_list(config, name), 1):
        if not isinstance(value, str):
            raise ConfigurationError(f"Entry #{index} of setting `{name}` must be a string")
    return config.get(name, [])


def _pattern(config, name):
    patterns = _texts(config, name)
    return re.compile("|".join(f"(?:{pattern})" for pattern in patterns)) if patterns else None


def _mapping(config, name):
    value = config.get(name, {})
    if not isinstance(value, dict):
        raise ConfigurationError(f"Setting `{name}` must be a mapping")
    return value


class OpenMetricsScraper:
    SERVICE_CHECK_HEALTH = "openmetrics.health"

    def __init__(self, check, config):
        self.check = check
        self.config = config
        self.endpoint = config["openmetrics_endpoint"]
        self.namespace = check.__NAMESPACE__ or config.get("namespace", "")
        if not isinstance(self.namespace, str):
            raise ConfigurationError("Setting `namespace` must be a string")
        self.raw_metric_prefix = config.get("raw_metric_prefix", "")
        self.enable_health_service_check = is_affirmative(config.get("enable_health_service_check", True))
        self.ignore_connection_errors = is_affirmative(config.get("ignore_connection_errors", False))
        self.hostname_label = config.get("hostname_label", "")
        self.hostname_format = config.get("hostname_format", "<HOSTNAME>")
        self.exclude_labels = set(_texts(config, "exclude_labels"))
        self.include_labels = set(_texts(config, "include_labels"))
        self.rename_labels = _mapping(config, "rename_labels")
        self.exclude_metrics = _pattern(config, "exclude_metrics")
        self.exclude_by_labels = {
            label: None if values is True else set(map(str, values))
            for label, values in _mapping(config, "exclude_metrics_by_labels").items()}
        self.raw_line_filter = _pattern(config, "raw_line_filters")
        self.ignore_tags = _pattern(config, "ignore_tags")
        self.share_labels = _mapping(config, "share_labels")
        self._shared = {}  # by the values of the labels that a family is found by: the labels it gives
        endpoint_tags = [f"endpoint:{self.endpoint}"] if is_affirmative(config.get("tag_by_endpoint", True)) else []
        self.static_tags = tuple(tag for tag in [*endpoint_tags, *_list(config, "tags")] if not self._ignores(tag))
        self.tags = self.static_tags
        self.metric_transformer = MetricTransformer(check, config)
        self.http = check.http if config.get("openmetrics_endpoint") == (check.instance or {}).get("openmetrics_endpoint") \
            else self._own_http()
        self.flush_first_value = None
        self.successfully_executed = 0

    def _own_http(self):
        from datadog_checks.base.utils.http import Http

        return Http(self.config, self.check.init_config, self.check.log, self.check.HTTP_CONFIG_REMAPPER)

    def _ignores(self, tag):
        return self.ignore_tags is not None and self.ignore_tags.search(tag) is not None

    def set_dynamic_tags(self, *tags):
        self.tags = (*self.static_tags, *(tag for tag in tags if not self._ignores(tag)))

    # ---- A scrape ------------------------------------------------------------------------------

    def scrape(self):
        runtime = {"flush_first_value": bool(self.flush_first_value), "static_tags": self.static_tags}
        for metric in self.consume_metrics(runtime):
            transformer = self.metric_transformer.get(metric)
            if transformer is not None:
                transformer(metric, self.generate_sample_data(metric), runtime)
        self.flush_first_value = True

    def consume_metrics(self, runtime_data):
        for metric in self.parse_metrics():
            metric.name = self._without_prefix(metric.name)
            self._collect_shared_labels(metric)
            if self.exclude_metrics is None or not self.exclude_metrics.search(metric.name):
                yield metric

    def parse_metrics(self):
        try:
            lines = self.stream_connection_lines()
        except RequestException as error:
            self.submit_health_check(self.check.CRITICAL, str(error))
            if self.ignore_connection_errors:
                self.check.log.warning("OpenMetrics endpoint %s cannot be read: %s", self.endpoint, error)
                return
            raise
        self.submit_health_check(self.check.OK)
        yield from parse(lines)

    def stream_connection_lines(self):
        response = self.http.get(self.endpoint, extra_headers={"Accept": ACCEPT}, stream=True)
        response.raise_for_status()
        lines = response.text.split("\n")
        if self.raw_line_filter is None:
            return lines
        return (line for line in lines if not self.raw_line_filter.search(line))

    def submit_health_check(self, status, message=None):
        if self.enable_health_service_check:
            self.submit_service_check(self.SERVICE_CHECK_HEALTH, status, message=message)

    def _without_prefix(self, name):
        prefix = self.raw_metric_prefix
        return name[len(prefix):] if prefix and name.startswith(prefix) else name

    # ---- Samples -------------------------------------------------------------------------------

    def generate_sample_data(self, metric):
        """(sample, tags, hostname) of every sample that is wanted."""
        for sample in metric.samples:
            sample.name = self._without_prefix(sample.name)
            if math.isnan(sample.value) or math.isinf(sample.value) or self._is_excluded(sample):
                continue
            self._add_shared_labels(sample)
            yield sample, [*self.tags, *self._tags_of(sample.labels)], self._host_of(sample.labels)

    def _is_excluded(self, sample):
        for label, values in self.exclude_by_labels.items():
            if label in sample.labels and (values is None or sample.labels[label] in values):
                return True
        return False

    def _tags_of(self, labels):
        for label, value in labels.items():
            if label in self.exclude_labels or (self.include_labels and label not in self.include_labels):
                continue
            tag = f"{self.rename_labels.get(label, label)}:{value}"
            if not self._ignores(tag):
                yield tag

    def _host_of(self, labels):
        host = labels.get(self.hostname_label, "") if self.hostname_label else ""
        return self.hostname_format.replace("<HOSTNAME>", host) if host else ""

    def _collect_shared_labels(self, metric):
        """share_labels: {family: true, or {match: [labels], labels: [labels], values: [values]}}."""
        rule = self.share_labels.get(metric.name)
        if not rule:
            return
        rule = {} if rule is True else rule
        match, given, values = rule.get("match") or (), rule.get("labels"), rule.get("values")
        for sample in metric.samples:
            if values is not None and sample.value not in values:
                continue
            if all(label in sample.labels for label in match):
                key = tuple((label, sample.labels[label]) for label in match)
                self._shared.setdefault(key, {}).update(
                    {label: value for label, value in sample.labels.items()
                     if label not in match and (given is None or label in given)})

    def _add_shared_labels(self, sample):
        for key, labels in self._shared.items():
            if all(sample.labels.get(label) == value for label, value in key):
                for label, value in labels.items():
                    sample.labels.setdefault(label, value)

    # ---- Submitting ----------------------------------------------------------------------------

    def _full(self, name):
        return f"{self.namespace}.{name}" if self.namespace else name

    def submit_service_check(self, name, status, tags=None, **options):
        self.check.service_check(self._full(name), status, tags=[*self.tags, *(tags or ())], raw=True, **options)

    def gauge(self, name, value, **options):
        self.check.gauge(self._full(name), value, raw=True, **options)

    def rate(self, name, value, **options):
        self.check.rate(self._full(name), value, raw=True, **options)

    def monotonic_count(self, name, value, **options):
        self.check.monotonic_count(self._full(name), value, raw=True, **options)
