"""From a family to what is submitted for it: which name it gets, and what becomes of each sample.

A transformer is called with (metric, sample_data, runtime_data); sample_data gives (sample, tags, hostname).
"""
import re
import time

from datadog_checks.base.config import is_affirmative
from datadog_checks.base.errors import ConfigurationError

_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*$")


class MetricTransformer:
    def __init__(self, check, config):
        self.check = check
        self.config = config
        self.namespace = check.__NAMESPACE__ or config.get("namespace", "")
        self.cumulative = not is_affirmative(config.get("non_cumulative_histogram_buckets", False))
        self.with_buckets = is_affirmative(config.get("collect_histogram_buckets", True))
        self.as_distributions = is_affirmative(config.get("histogram_buckets_as_distributions", False))
        self.by_name = {}      # a family's name: (name, options)
        self.by_pattern = []   # (pattern, name or None for the family's own, options)
        self.custom = []       # (name or pattern, transformer, whether it is a pattern)
        self._made = {}
        for key in ("metrics", "extra_metrics"):
            for index, entry in enumerate(self._entries(key), 1):
                self._add(entry, f"Entry #{index} of setting `{key}`")

    def _entries(self, key):
        entries = self.config.get(key) or []
        if not isinstance(entries, list):
            raise ConfigurationError(f"Setting `{key}` must be an array")
        return entries

    def _add(self, entry, place):
        if isinstance(entry, str):
            entry = {entry: None}
        if not isinstance(entry, dict):
            raise ConfigurationError(f"{place} must be a string or a mapping")
        for name, given in entry.items():
            options = {"name": given} if isinstance(given, str) else dict(given or {}) if isinstance(given, (dict, type(None))) \
                else None
            if options is None:
                raise ConfigurationError(f"{place}: metric `{name}` must be a string or a mapping")
            kind = options.get("type")
            if kind is not None and kind not in _MAKERS:
                raise ConfigurationError(f"{place}: metric `{name}`: unknown type `{kind}`; one of {', '.join(sorted(_MAKERS))}")
            if _NAME.match(name):
                options.setdefault("name", name)
                self.by_name[name] = options
            else:
                self.by_pattern.append((re.compile(name), options))

    def add_custom_transformer(self, name, transformer, pattern=False):
        self.custom.append((re.compile(name) if pattern else name, transformer, pattern))
        self._made.clear()

    def get(self, metric):
        """The transformer of the family, or None when nobody wants it."""
        key = (metric.name, metric.type)
        if key not in self._made:
            self._made[key] = self._make(metric)
        return self._made[key]

    def _make(self, metric):
        for name, transformer, pattern in self.custom:
            if name.search(metric.name) if pattern else name == metric.name:
                return transformer
        options = self.by_name.get(metric.name)
        if options is None:
            options = next((options for pattern, options in self.by_pattern if pattern.search(metric.name)), None)
        if options is None:
            return None
        kind = options.get("type") or metric.type
        maker = _MAKERS.get("gauge" if kind in ("info", "stateset") else kind)
        if maker is None:
            self.check.log.debug("Metric `%s` is of type `%s`, which is not collected without a `type`", metric.name, kind)
            return None
        return maker(self, options.get("name", metric.name), options)

    def full(self, name):
        return f"{self.namespace}.{name}" if self.namespace else name


def _gauge(transformer, name, _):
    name = transformer.full(name)

    def gauge(_metric, samples, _runtime):
        for sample, tags, host in samples:
            transformer.check.gauge(name, sample.value, tags=tags, hostname=host, raw=True)

    return gauge


def _rate(transformer, name, _):
    name = transformer.full(name)

    def rate(_metric, samples, _runtime):
        for sample, tags, host in samples:
            transformer.check.rate(name, sample.value, tags=tags, hostname=host, raw=True)

    return rate


def _is_time(sample):
    return sample.name.endswith("_created")


def _counter(transformer, name, _):
    name = transformer.full(name) + ".count"

    def counter(_metric, samples, runtime):
        for sample, tags, host in samples:
            if not _is_time(sample):
                transformer.check.monotonic_count(name, sample.value, tags=tags, hostname=host, raw=True,
                                                  flush_first_value=runtime["flush_first_value"])

    return counter


def _counter_gauge(transformer, name, _):
    total, count = transformer.full(name) + ".total", transformer.full(name) + ".count"

    def counter_gauge(_metric, samples, runtime):
        for sample, tags, host in samples:
            if not _is_time(sample):
                transformer.check.gauge(total, sample.value, tags=tags, hostname=host, raw=True)
                transformer.check.monotonic_count(count, sample.value, tags=tags, hostname=host, raw=True,
                                                  flush_first_value=runtime["flush_first_value"])

    return counter_gauge


def _bound(text):
    """As others write it: 0.5, 10, inf."""
    value = float(text)
    return "inf" if value == float("inf") else str(value)


def _differences(buckets):
    """(lower bound, sample, tags, host) with the count of each bucket alone."""
    series = {}
    for sample, tags, host in buckets:
        others = tuple(sorted((key, value) for key, value in sample.labels.items() if key != "le"))
        series.setdefault((others, host), []).append((float(sample.labels["le"]), sample, tags))
    for (_, host), entries in series.items():
        before, lower = 0.0, None
        for upper, sample, tags in sorted(entries, key=lambda entry: entry[0]):
            count, before = sample.value - before, sample.value
            sample.value = max(count, 0.0)
            if lower is None:
                lower = 0.0 if upper > 0 else float("-inf")
            yield lower, sample, tags, host
            lower = upper


def _without(tags, label):
    return [tag for tag in tags if not tag.startswith(label + ":")]


def _histogram(transformer, name, _):
    full = transformer.full(name)
    check = transformer.check

    def submit_bucket(lower, sample, tags, host, first):
        tags = _without(tags, "le")
        upper = sample.labels["le"]
        if transformer.as_distributions:
            check.submit_histogram_bucket(full, sample.value, lower, float(upper), True, host, tags, raw=True,
                                          flush_first_value=first)
            return
        bounds = [f"upper_bound:{_bound(upper)}"] + ([] if transformer.cumulative else [f"lower_bound:{_bound(lower)}"])
        check.monotonic_count(full + ".bucket", sample.value, tags=[*tags, *bounds], hostname=host, raw=True,
                              flush_first_value=first)

    def histogram(_metric, samples, runtime):
        first = runtime["flush_first_value"]
        buckets = []
        for sample, tags, host in samples:
            if sample.name.endswith("_bucket"):
                if transformer.with_buckets:
                    buckets.append((sample, tags, host))
                continue
            for end in ("_sum", "_count"):
                if sample.name.endswith(end) and not transformer.as_distributions:
                    check.monotonic_count(full + "." + end[1:], sample.value, tags=tags, hostname=host, raw=True,
                                          flush_first_value=first)
        if transformer.cumulative and not transformer.as_distributions:
            for sample, tags, host in buckets:
                submit_bucket(0.0, sample, tags, host, first)
        else:
            for lower, sample, tags, host in _differences(buckets):
                submit_bucket(lower, sample, tags, host, first)

    return histogram


def _summary(transformer, name, _):
    full = transformer.full(name)
    check = transformer.check

    def summary(_metric, samples, runtime):
        for sample, tags, host in samples:
            if "quantile" in sample.labels:
                check.gauge(full + ".quantile", sample.value, tags=tags, hostname=host, raw=True)
                continue
            for end in ("_sum", "_count"):
                if sample.name.endswith(end):
                    check.monotonic_count(full + "." + end[1:], sample.value, tags=tags, hostname=host, raw=True,
                                          flush_first_value=runtime["flush_first_value"])

    return summary


def _metadata(transformer, name, options):
    label = options.get("label")
    if not label:
        raise ConfigurationError(f"the `label` of metric `{name}` is required for the type metadata")

    def metadata(_metric, samples, _runtime):
        for sample, _tags, _host in samples:
            transformer.check.set_metadata(name, sample.labels.get(label, ""))

    return metadata


def _service_check(transformer, name, options):
    words = {"ok": 0, "warning": 1, "critical": 2, "unknown": 3}
    given = options.get("status_map")
    if not isinstance(given, dict) or not given:
        raise ConfigurationError(f"the `status_map` of metric `{name}` is required for the type service_check")
    statuses = {int(value): words[str(word).lower()] for value, word in given.items() if str(word).lower() in words}
    full = transformer.full(name)

    def service_check(_metric, samples, _runtime):
        for sample, tags, host in samples:
            transformer.check.service_check(full, statuses.get(int(sample.value), 3), tags=tags, hostname=host, raw=True)

    return service_check


def _temporal_percent(transformer, name, options):
    scales = {"second": 1, "millisecond": 1e3, "microsecond": 1e6, "nanosecond": 1e9}
    given = options.get("scale")
    scale = scales.get(given, given)
    if not isinstance(scale, (int, float)):
        raise ConfigurationError(f"the `scale` of metric `{name}` must be one of {', '.join(scales)}, or a number")
    full = transformer.full(name)

    def temporal_percent(_metric, samples, _runtime):
        for sample, tags, host in samples:
            if not _is_time(sample):
                transformer.check.rate(full, sample.value / scale * 100, tags=tags, hostname=host, raw=True)

    return temporal_percent


def _time_elapsed(transformer, name, _):
    full = transformer.full(name)

    def time_elapsed(_metric, samples, _runtime):
        for sample, tags, host in samples:
            transformer.check.gauge(full, time.time() - sample.value, tags=tags, hostname=host, raw=True)

    return time_elapsed


_MAKERS = {
    "gauge": _gauge, "rate": _rate, "counter": _counter, "counter_gauge": _counter_gauge, "histogram": _histogram,
    "summary": _summary, "metadata": _metadata, "service_check": _service_check, "temporal_percent": _temporal_percent,
    "time_elapsed": _time_elapsed,
}
