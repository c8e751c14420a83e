"""Ten minutes under load with everything failing now and then: memory and descriptors stay flat.

HEAPWATCH_SOAK_SECONDS says how long. Run with `ctest --preset bench -C soak -L soak`."""
import os
import pathlib
import re
import signal
import socket
import sys
import threading
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "testing"))
from agent import Agent, Confd, wait_until  # noqa: E402
from fault_server import FaultServer  # noqa: E402

PROGRAM = ""
SECONDS = float(os.environ.get("HEAPWATCH_SOAK_SECONDS", "600"))
FAULTS = ("dead", "hang", "slow", "loop", "cut", "garbage", "status", "flaky", "huge")


def instance(url, name, interval):
    return (f"  - expvar_url: {url}\n    namespace: {name}\n    memstats: false\n    min_collection_interval: {interval}\n"
            "    timeout: 1\n    total_timeout: 1.5\n    metrics: [{path: n, type: monotonic_counter}]\n")


class Statsd(threading.Thread):
    """A DogStatsD socket that is away half of the time."""

    def __init__(self, path):
        super().__init__(daemon=True)
        self.path = path
        self.ended = threading.Event()
        self.received = 0

    def run(self):
        while not self.ended.is_set():
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as reader:
                reader.bind(self.path)
                reader.settimeout(0.2)
                until = time.monotonic() + 5
                while time.monotonic() < until and not self.ended.is_set():
                    try:
                        self.received += len(reader.recv(65536))
                    except socket.timeout:
                        pass
            os.unlink(self.path)
            self.ended.wait(5)


def held(agent):
    """Resident kilobytes and descriptors."""
    pid = agent.process.pid
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+)", status)[1]), len(os.listdir(f"/proc/{pid}/fd"))


class SoakTest(unittest.TestCase):
    def test_memory_and_descriptors_stay_flat(self):
        with FaultServer() as server, Confd() as folder:
            text = "init_config:\ninstances:\n" + "".join(instance(server.url(f"/good/{n}"), f"g{n % 50}", 1) for n in range(200))
            text += "".join(instance(server.url(f"/{kind}?n={n}"), "bad", 1) for kind in FAULTS for n in range(5))
            folder.write("go_expvar.d/conf.yaml", text)
            statsd = Statsd(str(folder.root / "dsd.socket"))
            statsd.start()
            with Agent(PROGRAM, folder, f"dogstatsd_url: unix://{statsd.path}\nlog_level: error\n") as agent:
                wait_until(lambda: "heapwatch_target_up" in agent.metrics(), "the first run")
                began = time.monotonic()
                samples = []
                turn = 0
                while time.monotonic() - began < SECONDS:
                    turn += 1
                    # Contexts come and go with a file, and scrapes take turns with reloads.
                    folder.write("go_expvar.d/turning.yaml", "init_config:\ninstances:\n" + "".join(
                        instance(server.url(f"/good/turn{turn}-{n}"), f"t{turn}_{n}", 1) for n in range(20)))
                    if turn % 3 == 0:
                        agent.process.send_signal(signal.SIGHUP)
                    until = time.monotonic() + 2
                    while time.monotonic() < until:
                        self.assertIn("heapwatch_target_up", agent.metrics("application/openmetrics-text"))
                        agent.vars()
                        time.sleep(0.1)
                    samples.append((time.monotonic() - began, *held(agent)))
                    server.times.clear()
                server.counts.clear()
                wait_until(lambda: sum(path.startswith("/good/") for path in list(server.counts)) >= 200, "all good targets to be asked")
                statsd.ended.set()
                self.assertGreater(statsd.received, 0)
                middle = [sample for sample in samples if SECONDS * 0.3 < sample[0] < SECONDS * 0.5]
                end = [sample for sample in samples if sample[0] > SECONDS * 0.8]
                average = [sum(sample[field] for sample in part) / len(part) for field in (1, 2) for part in (middle, end)]
                print(f"soak: resident {average[0]:.0f} -> {average[1]:.0f} KB, descriptors {average[2]:.0f} -> {average[3]:.0f}, "
                      f"{turn} reloads, {agent.vars()['checks']['go_expvar']['runs']} runs")
                self.assertLess(average[1], average[0] * 1.05 + 1024)
                self.assertLess(average[3], average[2] * 1.1 + 10)
            self.assertEqual(agent.process.returncode, 0)


if __name__ == "__main__":
    PROGRAM = sys.argv.pop(1)
    unittest.main()
