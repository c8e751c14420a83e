"""Submits from a thread of its own between two runs."""
import threading

from datadog_checks.base import AgentCheck


class StartsThread(AgentCheck):
    thread = None

    def check(self, instance):
        if self.thread is None:
            self.thread = threading.Thread(target=lambda: self.gauge("late", 1))
            self.gauge("early", 1)
        else:
            self.gauge("second", 1)

    def start(self):
        self.thread.start()
        self.thread.join()
