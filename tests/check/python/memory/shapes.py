"""Holds memory from run to run in one of many ways; `does` says in which."""
import collections
import gc
import threading
import time

from datadog_checks.base import AgentCheck


class Node:
    def __init__(self, size):
        self.other, self.data = self, bytes(size)


class Shapes(AgentCheck):
    cache, kept, runs = {}, [], 0
    queue = collections.deque(maxlen=10)

    def __init__(self, *args, **keywords):
        super().__init__(*args, **keywords)
        if "off" in self.instances[0]["does"]:
            gc.disable()

    def check(self, instance):
        self.runs += 1
        self.instance = instance
        for name in instance["does"].split():
            getattr(self, name)()

    def fills_a_cache(self):
        if self.runs <= 4:
            self.cache[self.runs] = bytes(256 * 1024)

    def fills_a_queue(self):
        self.queue.append(bytes(10_000))

    def leaks(self):
        self.kept.append(bytes(2048))

    def replaces(self):
        self.page = bytes(self.runs * 7919 % 200_000)

    def comes_and_goes(self):
        if self.runs % 5 == 0:
            self.mine = []
        self.mine = getattr(self, "mine", []) + [bytes(3000)]

    def looks_up_fresh_names(self):
        for i in range(20):
            getattr(self, "a_name_made_at_run_time_%d_%d" % (self.runs, i), None)

    def opens(self):
        for _ in range(4):
            with open("/proc/self/stat") as file:
                file.read()

    def makes_cycles(self):
        Node(50_000)

    makes_cycles_with_the_collector_off = makes_cycles

    def counts_nodes(self):
        self.gauge("shapes.nodes", sum(type(thing) is Node for thing in gc.get_objects()))

    def turns_it_off(self):
        gc.disable()

    def fails(self):
        self.kept.append(bytes(20_000))
        raise ValueError("no luck")

    def warns(self):
        self.warning("of what heapwatch's own code holds for a while: %s", "x" * 1000)

    def waits(self):
        open(self.instance["file"], "w").close()
        threading.Event().wait()

    def works_in_the_background(self):
        if self.runs == 1:
            self.wanted = threading.Semaphore(0)
            threading.Thread(target=self.work, daemon=True).start()
        self.wanted.release()

    def work(self):
        while self.wanted.acquire():
            time.sleep(0.02)  # the run is over by then
            self.kept.append(bytes(100_000))
