"""The older base of checks that scrape a page of Prometheus: `prometheus_url`, and names as that had them."""
import fnmatch
import math
import re

from datadog_checks.base.check import AgentCheck
from datadog_checks.base.checks.openmetrics.parser import parse
from datadog_checks.base.config import is_affirmative
from datadog_checks.base.errors import CheckException, ConfigurationError

_FLAGS = {"send_histograms_buckets": True, "send_monotonic_counter": True, "send_monotonic_with_gauge": False,
          "send_distribution_counts_as_monotonic": False, "send_distribution_sums_as_monotonic": False,
          "health_service_check": True}


class OpenMetricsBaseCheck(AgentCheck):
    DEFAULT_METRIC_LIMIT = 2000

    def __init__(self, name, init_config, instances, default_instances=None, default_namespace=None):
        super().__init__(name, init_config, instances)
        self.default_instances = default_instances or {}
        self.default_namespace = default_namespace
        self.config_map = {}
        for instance in self.instances:
            self.get_scraper_config(instance)

    def check(self, instance):
        config = self.get_scraper_config(instance)
        if not config["metrics_mapper"]:
            raise CheckException(
                f"You have to collect at least one metric from the endpoint: {config['prometheus_url']}")
        self.process(config)

    # ---- Configuration -------------------------------------------------------------------------

    def get_scraper_config(self, instance):
        url = instance.get("prometheus_url")
        if url not in self.config_map:
            self.config_map[url] = self.create_scraper_configuration(instance)
        return self.config_map[url]

    def create_scraper_configuration(self, instance=None):
        instance = instance or {}
        namespace = instance.get("namespace")
        defaults = self.default_instances.get(namespace or self.default_namespace, {})
        given = {**defaults, **instance}
        if "prometheus_url" not in given:
            raise ConfigurationError("You have to define a prometheus_url for each prometheus instance")
        namespace = given.get("namespace", self.default_namespace)
        if namespace is None:
            raise ConfigurationError("You have to define a namespace for each prometheus check")
        config = dict(given)
        config["namespace"] = namespace
        config["metrics_mapper"] = self._mapper([*defaults.get("metrics", []), *instance.get("metrics", [])])
        for flag, default in _FLAGS.items():
            config[flag] = is_affirmative(given.get(flag, default))
        config["type_overrides"] = {**defaults.get("type_overrides", {}), **instance.get("type_overrides", {})}
        config["labels_mapper"] = {**defaults.get("labels_mapper", {}), **instance.get("labels_mapper", {}), "le": "upper_bound"}
        for name in ("exclude_labels", "include_labels", "ignore_metrics"):
            config[name] = [*defaults.get(name, []), *instance.get(name, [])]
        config["ignore_metrics_by_labels"] = {**defaults.get("ignore_metrics_by_labels", {}),
                                              **instance.get("ignore_metrics_by_labels", {})}
        config["label_to_hostname"] = given.get("label_to_hostname")
        config["custom_tags"] = list(given.get("tags", []))
        config["_metric_tags"] = []
        return config

    @staticmethod
    def _mapper(entries):
        mapper = {}
        for entry in entries:
            mapper.update(entry if isinstance(entry, dict) else {entry: entry})
        return mapper

    # ---- A scrape ------------------------------------------------------------------------------

    def poll(self, scraper_config, headers=None):
        tags = [*scraper_config["custom_tags"], f"endpoint:{scraper_config['prometheus_url']}"]
        name = scraper_config["namespace"] + ".prometheus.health"
        try:
            response = self.http.get(scraper_config["prometheus_url"], extra_headers={"Accept": "text/plain", **(headers or {})})
            response.raise_for_status()
        except Exception:
            if scraper_config["health_service_check"]:
                self.service_check(name, self.CRITICAL, tags=tags, raw=True)
            raise
        if scraper_config["health_service_check"]:
            self.service_check(name, self.OK, tags=tags, raw=True)
        return response

    def scrape_metrics(self, scraper_config):
        prefix = scraper_config.get("prometheus_metrics_prefix") or ""
        for metric in parse(self.poll(scraper_config).text.split("\n")):
            # Names are those of the page here: counters keep their _total.
            if metric.type == "counter":
                metric.name = metric.samples[0].name
            if prefix and metric.name.startswith(prefix):
                metric.name = metric.name[len(prefix):]
            metric.type = scraper_config["type_overrides"].get(metric.name, metric.type)
            yield metric

    def process(self, scraper_config, metric_transformers=None):
        for metric in self.scrape_metrics(scraper_config):
            self.process_metric(metric, scraper_config, metric_transformers)

    def process_metric(self, metric, scraper_config, metric_transformers=None):
        if any(fnmatch.fnmatchcase(metric.name, pattern) for pattern in scraper_config["ignore_metrics"]):
            return
        for pattern, transformer in (metric_transformers or {}).items():
            if pattern == metric.name or ("*" in pattern and fnmatch.fnmatchcase(metric.name, pattern)):
                transformer(metric, scraper_config)
                return
        if metric.name == scraper_config.get("metadata_metric_name"):
            self.transform_metadata(metric, scraper_config)
            return
        name = scraper_config["metrics_mapper"].get(metric.name)
        if name is None and any("*" in pattern and fnmatch.fnmatchcase(metric.name, pattern)
                                for pattern in scraper_config["metrics_mapper"]):
            name = metric.name
        if name is not None:
            self.submit_openmetric(name, metric, scraper_config)

    def transform_metadata(self, metric, scraper_config):
        labels = metric.samples[0].labels
        for name, label in scraper_config.get("metadata_label_map", {}).items():
            if label in labels:
                self.set_metadata(name, labels[label])

    # ---- Submitting ----------------------------------------------------------------------------

    def submit_openmetric(self, metric_name, metric, scraper_config, hostname=None):
        name = f"{scraper_config['namespace']}.{metric_name}"
        for sample in metric.samples:
            if math.isnan(sample.value) or math.isinf(sample.value) or self._ignores(sample, scraper_config):
                continue
            host = hostname or sample.labels.get(scraper_config["label_to_hostname"] or "", "")
            tags = self._metric_tags(sample, scraper_config)
            if metric.type == "histogram":
                self._submit_histogram(name, sample, tags, host, scraper_config)
            elif metric.type == "summary":
                self._submit_summary(name, sample, tags, host, scraper_config)
            elif metric.type == "counter":
                if not sample.name.endswith("_created"):
                    self._submit_counter(name, sample, tags, host, scraper_config)
            elif metric.type in ("gauge", "info", "stateset"):
                self.gauge(name, sample.value, tags=tags, hostname=host, raw=True)
            elif metric.type == "rate":
                self.rate(name, sample.value, tags=tags, hostname=host, raw=True)

    @staticmethod
    def _ignores(sample, scraper_config):
        for label, values in scraper_config["ignore_metrics_by_labels"].items():
            if label in sample.labels and ("*" in values or sample.labels[label] in values):
                return True
        return False

    @staticmethod
    def _metric_tags(sample, scraper_config):
        tags = [*scraper_config["custom_tags"], *scraper_config["_metric_tags"]]
        mapper, included = scraper_config["labels_mapper"], scraper_config["include_labels"]
        for label, value in sample.labels.items():
            if label not in scraper_config["exclude_labels"] and (not included or label in included):
                value = re.sub(r"\+Inf$", "inf", value) if label == "le" else value
                tags.append(f"{mapper.get(label, label)}:{value}")
        return tags

    def _submit_counter(self, name, sample, tags, host, scraper_config):
        if scraper_config["send_monotonic_counter"]:
            self.monotonic_count(name, sample.value, tags=tags, hostname=host, raw=True)
        else:
            self.gauge(name, sample.value, tags=tags, hostname=host, raw=True)
            if scraper_config["send_monotonic_with_gauge"]:
                self.monotonic_count(name + ".total", sample.value, tags=tags, hostname=host, raw=True)

    def _submit_distribution(self, name, sample, tags, host, scraper_config, monotonic):
        if monotonic:
            self.monotonic_count(name, sample.value, tags=tags, hostname=host, raw=True)
        else:
            self.gauge(name, sample.value, tags=tags, hostname=host, raw=True)
            if scraper_config["send_monotonic_with_gauge"]:
                self.monotonic_count(name + ".total", sample.value, tags=tags, hostname=host, raw=True)

    def _submit_histogram(self, name, sample, tags, host, scraper_config):
        counts = scraper_config["send_distribution_counts_as_monotonic"]
        if sample.name.endswith("_sum"):
            self._submit_distribution(name + ".sum", sample, tags, host, scraper_config,
                                      scraper_config["send_distribution_sums_as_monotonic"])
        elif sample.name.endswith("_count"):
            if scraper_config["send_histograms_buckets"]:
                tags = [*tags, "upper_bound:none"]
            self._submit_distribution(name + ".count", sample, tags, host, scraper_config, counts)
        elif sample.name.endswith("_bucket") and scraper_config["send_histograms_buckets"] and sample.labels.get("le") != "+Inf":
            self._submit_distribution(name + ".count", sample, tags, host, scraper_config, counts)

    def _submit_summary(self, name, sample, tags, host, scraper_config):
        if "quantile" in sample.labels:
            self.gauge(name + ".quantile", sample.value, tags=tags, hostname=host, raw=True)
        elif sample.name.endswith("_sum"):
            self._submit_distribution(name + ".sum", sample, tags, host, scraper_config,
                                      scraper_config["send_distribution_sums_as_monotonic"])
        elif sample.name.endswith("_count"):
            self._submit_distribution(name + ".count", sample, tags, host, scraper_config,
                                      scraper_config["send_distribution_counts_as_monotonic"])
