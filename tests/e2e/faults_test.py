"""Targets and servers that fail, while heapwatch watches: the rest goes on, and memory stays bounded."""
import contextlib
import os
import pathlib
import re
import socket
import sys
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "testing"))
from agent import Agent, Confd, wait_until  # noqa: E402
from fault_server import FaultServer  # noqa: E402

PROGRAM = ""
FAULTS = {  # what the log says of each
    "dead": "closed the connection|empty reply|without an answer",
    "hang": "no answer|timed out|timeout|within",
    "slow": "timed out|timeout|within|took longer",
    "endless": "max_body_size|timed out|within",
    "loop": "redirect",
    "cut": "closed|ended|truncated|bytes",
    "garbage": "line 1, column 1",
    "huge": "max_body_size",
    "huge-unannounced": "max_body_size|timed out|within",
    "status": "503",
}


# Small, since time on a core is what endless bodies do cost, and a busy machine has none left.
MAX_BODY_SIZE = 1_000_000


def instance(url, name, interval=0.5, timeout=2):
    return (f"  - expvar_url: {url}\n    namespace: {name}\n    memstats: false\n    min_collection_interval: {interval}\n"
            f"    max_body_size: {MAX_BODY_SIZE}\n"
            f"    timeout: {timeout}\n    total_timeout: {timeout + 0.5}\n    metrics: [{{path: n}}]\n")


def resident_mb(pid):
    return int(re.search(r"VmRSS:\s+(\d+)", pathlib.Path(f"/proc/{pid}/status").read_text())[1]) / 1024


class FaultsTest(unittest.TestCase):
    maxDiff = None

    def test_each_fault_costs_only_its_own_target(self):
        with FaultServer() as server, Confd() as folder, Confd() as faultless:
            # An agent without the faults has the same server and machine: what slows both is no cost of the faults.
            faultless.write("go_expvar.d/conf.yaml", "init_config:\ninstances:\n" + instance(server.url("/good/1"), "good"))
            text = "init_config:\ninstances:\n" + instance(server.url("/good/0"), "good")
            # A loop has a request for each of its redirects, while the other faults keep the server busy.
            text += "".join(instance(server.url(f"/{kind}"), f"bad_{kind.replace('-', '_')}", timeout=10 if kind == "loop" else 2)
                            for kind in FAULTS)
            text += instance("http://127.0.0.1:1/", "bad_refused") + instance(server.url("/flaky"), "flaky")
            folder.write("go_expvar.d/conf.yaml", text)
            with Agent(PROGRAM, folder) as agent, Agent(PROGRAM, faultless):
                wait_until(lambda: sum("} 0" in line for line in agent.metrics().splitlines()
                                       if line.startswith("heapwatch_target_up")) >= len(FAULTS) + 1, "all faults to show")
                before = dict(server.counts)
                wait_until(lambda: server.counts["/good/1"] >= before["/good/1"] + 30, "turns of the agent without faults", 120)
                self.assertGreaterEqual(server.counts["/good/0"] - before["/good/0"], 30 * 0.7)
                page = agent.metrics()
                self.assertRegex(page, r'(?m)^good_n\{[^}]*\} 42$')
                self.assertNotRegex(page, r"(?m)^bad_")
                log = agent.log()
                for kind, sentence in FAULTS.items():
                    lines = [line for line in log.splitlines() if f":bad_{kind.replace('-', '_')}:" in line and "| ERROR |" in line]
                    self.assertTrue(lines, f"{kind}: nothing in the log")
                    self.assertRegex(lines[0], f"(?i){sentence}", kind)
                    self.assertLessEqual(len(lines), 3, kind)
                self.assertLess(resident_mb(agent.process.pid), 1500)  # with the sanitizers' own memory
                self.assertLess(server.sent_bytes, 400_000_000)
                wait_until(lambda: "heapwatch_check_skipped_turns_total" in agent.metrics() and re.search(
                    r'skipped_turns_total\{check="go_expvar",reason="backoff"\} [1-9]', agent.metrics()), "turns sat out")

    def test_of_a_thousand_targets_two_hundred_hang_and_the_rest_keep_their_interval(self):
        interval, good, hung = 4.0, 800, 200
        with FaultServer() as server, Confd() as folder:
            text = "init_config:\ninstances:\n" + "".join(instance(server.url(f"/good/{n}"), "g", interval, 3) for n in range(good))
            text += "".join(instance(server.url(f"/hang/{n}"), "h", interval, 3) for n in range(hung))
            folder.write("go_expvar.d/conf.yaml", text)
            with Agent(PROGRAM, folder, "log_level: warn\n") as agent:
                wait_until(lambda: sum(path.startswith("/hang") for path in list(server.counts)) == hung, "all to hang")
                wait_until(lambda: sum(server.counts.get(f"/good/{n}", 0) >= 4 for n in range(good)) == good, "four runs of each", 120)
                gaps = [later - earlier for n in range(good) for times in [server.times[f"/good/{n}"]]
                        for earlier, later in zip(times[1:], times[2:])]
                gaps.sort()
                self.assertLess(gaps[int(len(gaps) * 0.99)], interval * 1.5)
                self.assertLess(abs(sum(gaps) / len(gaps) - interval), 0.2)
                self.assertEqual(agent.vars()["scheduler"]["instances"], good + hung)

    def test_the_dogstatsd_socket_may_go_and_come_and_prometheus_does_not_notice(self):
        with FaultServer() as server, Confd() as folder:
            path = str(folder.root / "dsd.socket")
            folder.write("go_expvar.d/conf.yaml", "init_config:\ninstances:\n" + instance(server.url("/good/1"), "good", 0.2))

            @contextlib.contextmanager
            def listening():
                with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as reader:
                    reader.bind(path)
                    reader.settimeout(30)
                    yield reader
                os.unlink(path)

            with Agent(PROGRAM, folder, f"dogstatsd_url: unix://{path}\n") as agent:
                for _ in range(3):
                    wait_until(lambda: "good_n{" in agent.metrics() and re.search(
                        r'packets_dropped_total\{reason="writer"\} [1-9]', agent.metrics()), "drops without a socket")
                    with listening() as reader:
                        self.assertIn(b"good.n:42|g", reader.recv(8192))
                        wait_until(lambda: "heapwatch_dogstatsd_reachable 1" in agent.metrics(), "reachable")
                    before = server.counts["/good/1"]
                    wait_until(lambda: server.counts["/good/1"] >= before + 3, "runs to go on")
                    wait_until(lambda: "heapwatch_dogstatsd_reachable 0" in agent.metrics(), "not reachable")
                log = agent.log()
                self.assertLess(len([line for line in log.splitlines() if "dogstatsd" in line.lower()]), 20, log)


if __name__ == "__main__":
    PROGRAM = sys.argv.pop(1)
    unittest.main()
