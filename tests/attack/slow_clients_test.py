"""Clients that are slow, silent or many, beside one that behaves: its pages come as they do without them.

Short by default. HEAPWATCH_ATTACK=full is what production must stand, as `ctest --preset bench -C soak -L soak` runs it; figures
are in docs/performance.md."""
import json
import os
import pathlib
import re
import resource
import socket
import statistics
import subprocess
import sys
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "testing"))
from agent import Agent, Confd, fetch, wait_until  # noqa: E402
from clients import Crowd, Idle, Poller, SlowHead, SlowReader, SlowWriter  # noqa: E402
from pages import Pages  # noqa: E402

PROGRAM = ""
FULL = os.environ.get("HEAPWATCH_ATTACK") == "full"
# What of each; a page of about so many bytes, and scrapes to compare.
IDLE, READERS, WRITERS, POLLERS, PAGE_MB, SCRAPES = (2000, 200, 200, 100, 20, 40) if FULL else (200, 20, 20, 10, 2, 5)
RATIO = 1.2  # of the full attack, in a release build, to scrapes while another agent has the same crowd
INSTANCES = 10
SERIES = PAGE_MB * 1550 // INSTANCES  # of each


def resident_mb(pid):
    return int(re.search(r"VmRSS:\s+(\d+)", pathlib.Path(f"/proc/{pid}/status").read_text())[1]) / 1024


def cpu_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def scrape(port, path="/metrics"):
    """Bytes of the page and the seconds it took, on a connection of its own, without compression."""
    began = time.monotonic()
    with socket.create_connection(("127.0.0.1", port), timeout=60) as client:
        client.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
        size = 0
        head = b""
        while piece := client.recv(1 << 20):
            size += len(piece)
            head = head or piece[:12]
    if head != b"HTTP/1.1 200":
        raise AssertionError(f"{path}: {head}")
    return size, time.monotonic() - began


class Scraper:
    """One that behaves, in a process of its own: it does not wait for the interpreter that the others keep busy."""

    def __init__(self, port, page_port, pause):
        self.process = subprocess.Popen([sys.executable, __file__, "scrape", str(port), str(page_port), str(SCRAPES), str(pause)],
                                        stdout=subprocess.PIPE, text=True)

    def is_done(self):
        return self.process.poll() is not None

    def times(self):
        """Of /metrics and of /debug/vars, in seconds."""
        text, _ = self.process.communicate()
        if self.process.returncode != 0:
            raise AssertionError("the scraper failed")
        return json.loads(text)


def scrape_in_turn(port, page_port, count, pause):
    times = [[], []]
    for _ in range(count):
        times[0].append(scrape(port)[1])
        times[1].append(scrape(page_port, "/debug/vars")[1])
        time.sleep(pause)
    return times


class SlowClientsTest(unittest.TestCase):
    def configure(self, folder, server):
        """Some instances whose lines of the page are long by their tags."""
        tags = ", ".join(f'"filler{n}:{"x" * 150}"' for n in range(3))
        folder.write("go_expvar.d/conf.yaml", "init_config:\ninstances:\n" + "".join(
            f"  - expvar_url: {server.url('/debug/vars')}\n    namespace: large{n}\n    memstats: false\n"
            f"    min_collection_interval: {20 if FULL else 2}\n    max_returned_metrics: {SERIES + 10}\n    tags: [{tags}]\n"
            "    metrics: [{path: n.*}]\n" for n in range(INSTANCES)))

    @staticmethod
    def crowd(port, page_port):
        return ([Idle(port) for _ in range(IDLE // 2)] + [Idle(page_port) for _ in range(IDLE // 2)] +
                [SlowReader(port) for _ in range(READERS)] + [SlowWriter(page_port) for _ in range(WRITERS // 2)] +
                [SlowHead(port) for _ in range(WRITERS // 2)] + [Poller(page_port, "/debug/vars") for _ in range(POLLERS)])

    def beside_another(self, server, port, page_port):
        """The scrapes while another agent has the crowd: what the processors that the crowd takes cost alone."""
        with Confd() as folder:
            self.configure(folder, server)
            with Agent(PROGRAM, folder) as other:
                wait_until(lambda: scrape(other.prometheus_port)[0] > PAGE_MB * 0.8e6, "the page of the other")
                with Crowd(self.crowd(other.prometheus_port, other.port)):
                    time.sleep(IDLE * 0.001 + 2)
                    return Scraper(port, page_port, 0.2).times()[0]

    def test_slow_clients_delay_nobody(self):
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 65536), hard))
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        server = Pages({"/debug/vars": ("{" + ", ".join(f'"n{n}": {n}' for n in range(SERIES)) + "}").encode()})
        self.addCleanup(server.close)
        with Confd() as folder:
            self.configure(folder, server)
            with Agent(PROGRAM, folder) as agent:
                port = agent.prometheus_port
                size = wait_until(lambda: next((size for size in [scrape(port)[0]] if size > PAGE_MB * 0.8e6), None), "the page")
                alone, pages_alone = Scraper(port, agent.port, 0.2).times()
                beside = self.beside_another(server, port, agent.port) if FULL else alone
                before_mb = resident_mb(agent.process.pid)
                crowd = self.crowd(port, agent.port)
                with Crowd(crowd):
                    time.sleep(IDLE * 0.001 + 2)  # until all are there
                    scraper, most_mb = Scraper(port, agent.port, 0.2), 0.0
                    while not scraper.is_done():
                        most_mb = max(most_mb, resident_mb(agent.process.pid))
                        time.sleep(0.05)
                    during, pages_during = scraper.times()
                waits = [wait for client in crowd if isinstance(client, Poller) for wait in client.waits]
                ratio = statistics.median(during) / statistics.median(beside)
                print(f"attack: {size} bytes, alone {statistics.median(alone) * 1e3:.0f} ms, beside {len(crowd)} clients "
                      f"{statistics.median(during) * 1e3:.0f} ms (worst {max(during) * 1e3:.0f}), beside another that has them "
                      f"{statistics.median(beside) * 1e3:.0f} ms, ratio {ratio:.2f}; /debug/vars "
                      f"{statistics.median(pages_alone) * 1e3:.1f} and {statistics.median(pages_during) * 1e3:.1f} ms, pollers wait "
                      f"{statistics.median(waits) * 1e3:.1f} ms (worst {max(waits) * 1e3:.0f}); resident {before_mb:.0f} and "
                      f"{most_mb:.0f} MB; closed {sum(client.closed for client in crowd)} connections", flush=True)
                # Far below what waiting for one of them would take: the deadline of a request is five seconds.
                for times, undisturbed in ((during, alone), (pages_during, pages_alone), (waits, pages_alone)):
                    self.assertLess(statistics.median(times), statistics.median(undisturbed) * 3 + 1)
                    self.assertLess(max(times), 4.5)
                if FULL:
                    self.assertLess(ratio, RATIO)
                self.assertGreaterEqual(len(waits), POLLERS)
                # A budget of 128 MB, a few pages in the making, and what the memory's owner keeps.
                self.assertLess(most_mb - before_mb, 128 + 6 * PAGE_MB + 100)
                slow = [client for client in crowd if isinstance(client, (SlowWriter, SlowHead))]
                if FULL:
                    self.assertGreater(sum(client.closed for client in slow), 0, "no deadline was kept")
            self.assertEqual(agent.process.returncode, 0)

    def test_with_few_descriptors_pages_stay_up(self):
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        server = Pages({"/debug/vars": b'{"n": 42}'})
        self.addCleanup(server.close)
        with Confd() as folder:
            folder.write("go_expvar.d/conf.yaml", f"init_config:\ninstances:\n  - expvar_url: {server.url('/debug/vars')}\n"
                         "    namespace: one\n    memstats: false\n    min_collection_interval: 0.5\n    metrics: [{path: n}]\n")
            few = folder.root / "few"
            # UBSan asks by a pipe whether it may read an object, and ends the program where it cannot have one: with it,
            # connections are as many as may be, but there is always a descriptor left.
            sanitized = "libubsan" in subprocess.run(["ldd", PROGRAM], capture_output=True, text=True, check=True).stdout
            few.write_text(f'#!/bin/sh\nulimit -n {96 if sanitized else 32}\nexec "{PROGRAM}" "$@"\n')
            few.chmod(0o755)
            with Agent(str(few), folder) as agent:
                wait_until(lambda: "one_n{" in agent.metrics(), "the target's series")
                with Crowd([Idle(agent.port) for _ in range(40)] + [Idle(agent.prometheus_port) for _ in range(40)]):
                    time.sleep(1)
                    before = cpu_seconds(agent.process.pid)
                    began = time.monotonic()
                    for _ in range(10):
                        self.assertIn("one_n{", agent.metrics())
                        self.assertIn("one", str(agent.vars()))
                        time.sleep(0.1)
                    self.assertLess(time.monotonic() - began, 10)
                    self.assertLess(cpu_seconds(agent.process.pid) - before, 5)  # with sanitizers; a spin takes it all
            self.assertEqual(agent.process.returncode, 0)
        self.assertEqual(resource.getrlimit(resource.RLIMIT_NOFILE), (soft, hard))


if __name__ == "__main__":
    if sys.argv[1] == "scrape":
        print(json.dumps(scrape_in_turn(*(int(argument) for argument in sys.argv[2:5]), float(sys.argv[5]))))
        sys.exit(0)
    PROGRAM = sys.argv.pop(1)
    unittest.main()
