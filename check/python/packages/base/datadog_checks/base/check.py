"""AgentCheck: what a check submits, says and returns."""
import copy
import functools
import importlib
import json
import logging
import re
import traceback
from collections import deque

import aggregator
import datadog_agent

from datadog_checks.base import run_hook
from datadog_checks.base.config import is_affirmative
from datadog_checks.base.deprecations import all_notices
from datadog_checks.base.errors import ConfigurationError
from datadog_checks.base.limiter import MetricLimiter
from datadog_checks.base.log import CheckLogger, init_logging
from datadog_checks.base.names import GENERIC_TAGS, normalized, normalized_tag, underscored
from datadog_checks.base.utils.common import to_string

init_logging()


def _patterns(given, name):
    """The regular expressions of metric_patterns as one, or None."""
    if not given:
        return None
    if not isinstance(given, list):
        raise ConfigurationError(f"Setting `{name}` of `metric_patterns` must be an array")
    return re.compile("|".join(f"(?:{pattern})" for pattern in given))


class AgentCheck:
    """A check derives from this and defines check(self, instance)."""

    OK, WARNING, CRITICAL, UNKNOWN = range(4)

    HTTP_CONFIG_REMAPPER = None  # other names of HTTP options, see utils.http
    TLS_CONFIG_REMAPPER = None  # and of TLS options, see utils.tls
    METADATA_TRANSFORMERS = None

    __NAMESPACE__ = ""  # put before the name of every metric and service check
    DEFAULT_METRIC_LIMIT = 0  # different metrics that a run may submit; 0: any number

    def __init__(self, *args, **kwargs):
        """(name, init_config, instances), (name, init_config, agentConfig, instances), or keywords of these names."""
        old_order = len(args) >= 4 or (len(args) == 3 and isinstance(args[2], dict))
        order = ("name", "init_config", "agentConfig", "instances") if old_order else ("name", "init_config", "instances")
        given = {**dict(zip(order, args)), **kwargs}
        self.name = given.get("name") or ""
        self.init_config = given.get("init_config") or {}
        self.agentConfig = given.get("agentConfig") or {}
        self.instances = list(given.get("instances") or [])
        self.instance = self.instances[0] if self.instances else None
        self.check_id = ""
        self.hostname = datadog_agent.get_hostname()
        self.check_initializations = deque()
        self.warnings = []
        self.log = CheckLogger(logging.getLogger(f"{__name__}.{self.name}"), self)
        self._deprecations = all_notices()
        self._secrets = set()
        self._tls_context = None
        options = self.instance if isinstance(self.instance, dict) else {}
        self.disable_generic_tags = is_affirmative(options.get("disable_generic_tags", False))
        self.metric_limiter = MetricLimiter(self._metric_limit(options), self.warning)
        patterns = options.get("metric_patterns") or {}
        if not isinstance(patterns, dict):
            raise ConfigurationError("Setting `metric_patterns` must be a mapping")
        self.include_metrics_pattern = _patterns(patterns.get("include"), "include")
        self.exclude_metrics_pattern = _patterns(patterns.get("exclude"), "exclude")
        self.debug_metrics = {**(self.init_config.get("debug_metrics") or {}), **(options.get("debug_metrics") or {})}

    def _metric_limit(self, options):
        given = options.get("max_returned_metrics", self.init_config.get("max_returned_metrics", self.DEFAULT_METRIC_LIMIT))
        try:
            limit = int(given)
        except (TypeError, ValueError):
            self.warning("Configured 'max_returned_metrics' cannot be interpreted as an integer: %s", given)
            return self.DEFAULT_METRIC_LIMIT
        if limit == 0 and self.DEFAULT_METRIC_LIMIT > 0:
            self.warning("Setting metric limit to 0 is not allowed, ignoring configuration")
            return self.DEFAULT_METRIC_LIMIT
        return limit

    # ---- What a check defines ------------------------------------------------------------------

    def check(self, instance):
        """One run; `instance` is a copy of the configured one."""
        raise NotImplementedError(f"{type(self).__name__} does not define check(self, instance)")

    def cancel(self):
        """Called when the check is taken out of service."""

    # ---- A run ---------------------------------------------------------------------------------

    def run(self):
        """Runs once; "" or the error as JSON."""
        try:
            while self.check_initializations:
                self.check_initializations[0]()  # stays there, for the next run, when it fails
                self.check_initializations.popleft()
            run_hook.call(self, copy.deepcopy(self.instances[0]))
            return ""
        except Exception as error:
            report = [{"message": self.sanitize(str(error)), "traceback": self.sanitize(traceback.format_exc())}]
            return json.dumps(report, separators=(",", ":"))
        finally:
            self.metric_limiter.reset()

    def warning(self, text, *args):
        """A warning of this run, in the log and in the check's status."""
        message = to_string(text)
        message = self.sanitize(message % args if args else str(message))
        self.log.warning("%s", message, stacklevel=2)
        self.warnings.append(message)

    def _log_deprecation(self, deprecation_key, *args):
        """A warning that is given once; see deprecations.py."""
        said, text = self._deprecations[deprecation_key]
        if not said:
            self._deprecations[deprecation_key] = (True, text)
            self.warning(text, *args)

    def get_warnings(self):
        warnings, self.warnings = self.warnings, []
        return warnings

    def register_secret(self, secret):
        """From now on the text is `********` in errors and warnings."""
        if isinstance(secret, str) and secret:
            self._secrets.add(secret)

    def sanitize(self, text):
        for secret in sorted(self._secrets, key=len, reverse=True):
            text = text.replace(secret, "********")
        return text

    # ---- Metrics -------------------------------------------------------------------------------

    def _format_namespace(self, name, raw=False):
        name = to_string(name)
        return name if raw or not self.__NAMESPACE__ else f"{self.__NAMESPACE__}.{name}"

    def _tags(self, tags, device_name=None):
        texts = []
        for tag in tags or ():
            if tag is None:
                continue
            try:
                text = to_string(tag)
            except UnicodeDecodeError:
                self.log.warning("Encoding error with tag `%r` for the check: it is left out", tag)
                continue
            if self.disable_generic_tags and isinstance(text, str):
                text = self.degeneralise_tag(text)
            texts.append(text)
        if device_name:
            texts.append(f"device:{to_string(device_name)}")
        return texts

    def degeneralise_tag(self, tag):
        """`env:x` as `<check>_env:x`, and so on for keys that mean something to the whole platform."""
        key = tag.partition(":")[0]
        return f"{self.name}_{tag}" if key in GENERIC_TAGS else tag

    def _passes(self, name, context):
        exclude, include = self.exclude_metrics_pattern, self.include_metrics_pattern
        if (exclude and exclude.search(name)) or (include and not include.search(name)):
            return False
        return self.metric_limiter.allows(context)

    def _submit_metric(self, kind, name, value, tags, hostname, device_name, raw, flush_first_value=False):
        if value is None:
            return
        full_name = self._format_namespace(name, raw)
        try:
            number = float(value)
        except (TypeError, ValueError):
            self.warning(
                "Metric: %r has non float value: %r. Only float values can be submitted as metrics.", name, value)
            return
        texts = self._tags(tags, device_name)
        host = to_string(hostname) or ""
        if self._passes(full_name, (kind, full_name, tuple(sorted(map(str, texts))), host)):
            aggregator.submit_metric(self, self.check_id, kind, full_name, number, texts, host, flush_first_value)

    def gauge(self, name, value, tags=None, hostname=None, device_name=None, raw=False):
        self._submit_metric(aggregator.GAUGE, name, value, tags, hostname, device_name, raw)

    def rate(self, name, value, tags=None, hostname=None, device_name=None, raw=False):
        self._submit_metric(aggregator.RATE, name, value, tags, hostname, device_name, raw)

    def count(self, name, value, tags=None, hostname=None, device_name=None, raw=False):
        self._submit_metric(aggregator.COUNT, name, value, tags, hostname, device_name, raw)

    def monotonic_count(self, name, value, tags=None, hostname=None, device_name=None, raw=False, flush_first_value=False):
        self._submit_metric(aggregator.MONOTONIC_COUNT, name, value, tags, hostname, device_name, raw, flush_first_value)

    def histogram(self, name, value, tags=None, hostname=None, device_name=None, raw=False):
        self._submit_metric(aggregator.HISTOGRAM, name, value, tags, hostname, device_name, raw)

    def historate(self, name, value, tags=None, hostname=None, device_name=None, raw=False):
        self._submit_metric(aggregator.HISTORATE, name, value, tags, hostname, device_name, raw)

    def increment(self, name, value=1, tags=None, hostname=None, device_name=None, raw=False):
        self._submit_metric(aggregator.COUNTER, name, value, tags, hostname, device_name, raw)

    def decrement(self, name, value=-1, tags=None, hostname=None, device_name=None, raw=False):
        self._submit_metric(aggregator.COUNTER, name, value, tags, hostname, device_name, raw)

    def submit_histogram_bucket(self, name, value, lower_bound, upper_bound, monotonic, hostname, tags, raw=False,
                                flush_first_value=False):
        if value is None:
            return
        full_name = self._format_namespace(name, raw)
        try:
            number = int(value)
        except (TypeError, ValueError):
            self.warning("Histogram: %r has non integer value: %r. Only integer are valid bucket values (count).", full_name,
                         value)
            return
        texts = self._tags(tags)
        host = to_string(hostname) or ""
        if self._passes(full_name, ("bucket", full_name, tuple(sorted(map(str, texts))), host, lower_bound, upper_bound)):
            aggregator.submit_histogram_bucket(self, self.check_id, full_name, number, lower_bound, upper_bound, monotonic, host,
                                               texts, flush_first_value)

    # ---- Everything else a check submits -----------------------------------------------------------

    def service_check(self, name, status, tags=None, hostname=None, message=None, raw=False):
        aggregator.submit_service_check(self, self.check_id, self._format_namespace(name, raw), status, self._tags(tags),
                                        to_string(hostname) or "", self.sanitize(to_string(message) or ""))

    def event(self, event):
        """A dict with msg_title, msg_text and, as wanted, timestamp, priority, host, alert_type, tags and so on."""
        sent = {key: to_string(value) for key, value in event.items()}
        if sent.get("tags"):
            sent["tags"] = self._tags(sent["tags"])
        else:
            sent.pop("tags", None)
        if sent.get("timestamp") is not None:
            sent["timestamp"] = int(sent["timestamp"])
        aggregator.submit_event(self, self.check_id, sent)

    def event_platform_event(self, raw_event, event_track_type):
        if raw_event is not None:
            aggregator.submit_event_platform_event(self, self.check_id, to_string(raw_event), event_track_type)

    def database_monitoring_query_sample(self, raw_event):
        self.event_platform_event(raw_event, "dbm-samples")

    def database_monitoring_query_metrics(self, raw_event):
        self.event_platform_event(raw_event, "dbm-metrics")

    def database_monitoring_query_activity(self, raw_event):
        self.event_platform_event(raw_event, "dbm-activity")

    def database_monitoring_metadata(self, raw_event):
        self.event_platform_event(raw_event, "dbm-metadata")

    def database_monitoring_health(self, raw_event):
        self.event_platform_event(raw_event, "dbm-health")

    def send_log(self, data, cursor=None, stream="default"):
        datadog_agent.send_log(json.dumps(data, separators=(",", ":")), self.check_id)
        if cursor is not None:
            self.write_persistent_cache(f"log_cursor_{stream}", json.dumps(cursor, separators=(",", ":")))

    def get_log_cursor(self, stream="default"):
        cursor = self.read_persistent_cache(f"log_cursor_{stream}")
        return json.loads(cursor) if cursor else None

    def set_metadata(self, name, value, **_options):
        """`scheme`, `pattern`, `part_map` and so on, by which others take versions apart, are taken and change nothing."""
        datadog_agent.set_check_metadata(self.check_id, to_string(name), str(to_string(value)))

    def service_metadata(self, _meta_name, _value):
        """As old checks call set_metadata(): of no effect."""

    def set_external_tags(self, external_tags):
        datadog_agent.set_external_tags([
            (to_string(host), {source: self._tags(tags) for source, tags in sources.items()})
            for host, sources in external_tags])

    # ---- What a check asks for ---------------------------------------------------------------------

    @functools.cached_property
    def http(self):
        """An HTTP client with the options of this instance."""
        from datadog_checks.base.utils.http import Http

        client = Http(self.instance or {}, self.init_config, self.log, self.HTTP_CONFIG_REMAPPER)
        for secret in client.secrets:
            self.register_secret(secret)
        return client

    @functools.cached_property
    def diagnosis(self):
        """What the check finds out about its set-up."""
        from datadog_checks.base.utils.diagnose import Diagnosis

        return Diagnosis(sanitize=self.sanitize)

    def get_diagnoses(self):
        return json.dumps([found._asdict() for found in [*self.diagnosis.diagnoses, *self.diagnosis.run_explicit()]])

    @functools.cached_property
    def config(self):
        """The options of the instance as attributes, with the check's own defaults; see utils.options."""
        from datadog_checks.base.utils.options import options_of

        return options_of(self, "instance", self.instance)

    @functools.cached_property
    def shared_config(self):
        """The same of init_config."""
        from datadog_checks.base.utils.options import options_of

        return options_of(self, "shared", self.init_config)

    @functools.cached_property
    def safe_os(self):
        """Functions for files and processes."""
        from datadog_checks.base.utils.safe_os import safe_os

        return safe_os

    def get_instance_proxy(self, instance, uri, proxies=None):
        """The proxies for a URL as `requests` takes them; None: none. For checks that ask with `requests` themselves."""
        from datadog_checks.base.utils.http import proxies_for

        return proxies_for({**(instance or {}), **({"proxy": proxies} if proxies else {})}, uri)

    @functools.cached_property
    def check_version(self):
        """`__version__` of the module of the check, looked for in its first two parts."""
        try:
            package = ".".join(type(self).__module__.split(".")[:2])
            return str(getattr(importlib.import_module(package), "__version__", "0.0.0"))
        except ImportError:
            return "0.0.0"

    def _persistent_cache_key(self, key):
        return f"{self.check_id or self.name}_{key}"

    def read_persistent_cache(self, key):
        return datadog_agent.read_persistent_cache(self._persistent_cache_key(key))

    def write_persistent_cache(self, key, value):
        datadog_agent.write_persistent_cache(self._persistent_cache_key(key), value)

    @staticmethod
    def load_config(yaml_text):
        """The value of a text in YAML."""
        import yaml

        try:
            return yaml.safe_load(yaml_text)
        except yaml.YAMLError as error:
            raise ValueError(f"Failed to load config: {error}") from error

    @staticmethod
    def is_metadata_collection_enabled():
        enabled = datadog_agent.get_config("enable_metadata_collection")
        return enabled is None or is_affirmative(enabled)

    @classmethod
    def metadata_entrypoint(cls, method):
        """A decorator for methods that have no other purpose than to set metadata."""

        @functools.wraps(method)
        def entrypoint(self, *args, **kwargs):
            return method(self, *args, **kwargs) if self.is_metadata_collection_enabled() else None

        return entrypoint

    @property
    def default_integration_http_timeout(self):
        return float(self.agentConfig.get("default_integration_http_timeout", 9))

    def get_tls_context(self, refresh=False, overrides=None):
        """A TLS context with the tls_ options of the instance; the same one every time without overrides."""
        from datadog_checks.base.utils.tls import create_ssl_context, tls_options

        if refresh or overrides or self._tls_context is None:
            options = tls_options({**self.init_config, **(self.instance or {})}, self.TLS_CONFIG_REMAPPER, overrides)
            context = create_ssl_context(options)
            if overrides:
                return context
            self._tls_context = context
        return self._tls_context

    def convert_to_underscore_separated(self, name):
        return underscored(to_string(name))

    def normalize(self, metric, prefix=None, fix_case=False):
        return normalized(to_string(metric), None if prefix is None else to_string(prefix), fix_case)

    def normalize_tag(self, tag):
        return normalized_tag(to_string(tag))
