from datadog_checks.base import AgentCheck

__version__ = "1.2.3"


class EveryKind(AgentCheck):
    __NAMESPACE__ = "demo"

    def check(self, instance):
        self.gauge("g", 1, tags=["a:1", None, b"b:2"], hostname="h")
        self.gauge("raw.g", 2.5, raw=True)
        self.gauge("nothing", None)
        self.rate("r", 3)
        self.count("c", 4)
        self.monotonic_count("m", 5, flush_first_value=True)
        self.increment("i")
        self.decrement("i")
        self.histogram("h", 6)
        self.historate("hr", 7)
        self.gauge("bad", "many")
        self.service_check("up", self.WARNING, tags=["a:1"], message="slow")
        self.event({"msg_title": "t", "msg_text": "x", "timestamp": 12, "tags": ["e:1"], "alert_type": "info"})
        self.warning("%d of %d", 1, 2)
        print("goes to standard error")
