"""What a check does in a run, again and again; tells how many blocks Python has."""
import sys

from datadog_checks.base import AgentCheck


class Soak(AgentCheck):
    __NAMESPACE__ = "soak"

    def check(self, instance):
        tags = instance["tags"] + [f"run:{n}" for n in range(20)]
        self.gauge("blocks", sys.getallocatedblocks())
        self.monotonic_count("m", 1, tags=tags)
        self.histogram("h", 1.5, tags=tags)
        self.service_check("up", self.OK, tags=tags, message="fine")
        self.event({"msg_title": "t", "msg_text": "x", "tags": tags})
        self.warning("warned %d", 1)
        self.log.info("logged")
        self.set_metadata("version", "1")
        if self.normalize("A b") != "A_b":
            raise ValueError("an error with its traceback")
