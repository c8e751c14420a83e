"""The agent, run as its users run it."""
import json
import pathlib
import socket
import sys
import threading
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from real_parts import GoProgram, etcd, influxd, prometheus, query  # noqa: E402
from agent import SOON_S, Agent, Confd, documented_pages, fetch, free_port, listed_pages, run, wait_until  # noqa: E402
from pages import Pages  # noqa: E402

PROGRAM = GO_TARGET = ""
SHIPPED = pathlib.Path(__file__).resolve().parents[2] / "conf.d"


def instance(url, namespace="target", interval=0.2, extra=""):
    return (f"init_config:\ninstances:\n  - expvar_url: {url}\n    namespace: {namespace}\n"
            f"    min_collection_interval: {interval}\n{extra}")


def sample_lines(page):
    return [line for line in page.splitlines() if line and not line.startswith("#")]


class AgentTest(unittest.TestCase):
    maxDiff = None

    def test_a_real_go_program_shows_at_prometheus(self):
        with GoProgram(GO_TARGET) as go, Confd() as folder:
            folder.write("go_expvar.d/conf.yaml", instance(go.url()))
            with Agent(PROGRAM, folder) as agent:
                page = wait_until(lambda: "target_memstats_mallocs_total{" in agent.metrics() and agent.metrics(),
                                  "the Go program's series")
                self.assertIn(f'target_memstats_heap_inuse{{expvar_url="{go.url()}"}} ', page)
                self.assertIn('heapwatch_target_up{', page)

    def test_a_real_prometheus_reads_the_page(self):
        with GoProgram(GO_TARGET) as go, Confd() as folder:
            folder.write("go_expvar.d/conf.yaml", instance(go.url()))
            with Agent(PROGRAM, folder) as agent, prometheus([f"127.0.0.1:{agent.prometheus_port}"]) as server:
                found = wait_until(lambda: query(server, "target_memstats_heap_inuse"), "the series in Prometheus")
                self.assertEqual(found[0][0]["expvar_url"], go.url())
                self.assertGreater(found[0][1], 0)
                self.assertEqual(query(server, 'up{job="heapwatch"}')[0][1], 1)
                wait_until(lambda: query(server, "rate(target_memstats_mallocs_total[10s]) >= 0"), "a rate")
                metadata = server.url("/api/v1/targets/metadata?metric=target_memstats_mallocs")
                known = wait_until(lambda: json.loads(fetch(metadata))["data"], "the metadata of the counter")
                self.assertEqual(known[0]["type"], "counter")

    def test_real_influxdb_and_etcd_pages(self):
        with influxd() as influx, etcd() as store, Confd() as folder:
            folder.write("go_expvar.d/influx.yaml", instance(
                influx.url("/debug/vars"), "influx", extra="    metrics:\n      - path: runtime/values/HeapInUse\n"
                "      - path: ['database:_internal', values, numSeries]\n        alias: influx.series\n"))
            folder.write("go_expvar.d/etcd.yaml", instance(
                store.url("/debug/vars"), "etcd", extra="    metrics:\n      - path: file_descriptor_limit\n"))
            with Agent(PROGRAM, folder) as agent:
                page = wait_until(lambda: "etcd_file_descriptor_limit{" in (text := agent.metrics()) and
                                  "influx_memstats_heap_inuse{" in text and text, "both programs' series")
                self.assertRegex(page, r"etcd_memstats_heap_alloc\{[^}]*\} \d+")

    def test_the_shipped_conf_d_watches_the_agent_itself(self):
        with Confd() as folder:
            text = (SHIPPED / "go_expvar.d" / "conf.yaml").read_text()
            self.assertIn("http://localhost:5000/debug/vars", text)
            port = free_port()
            folder.write("go_expvar.d/conf.yaml", text.replace("localhost:5000", f"localhost:{port}"))
            with Agent(PROGRAM, folder, "min_collection_interval: 0.2\n", port=port) as agent:
                page = wait_until(lambda: "heapwatch_process_resident_bytes{" in agent.metrics() and agent.metrics(),
                                  "the agent's own series")
                self.assertNotIn("cmdline", page)
                stats = agent.vars()["checks"]["go_expvar"]
                self.assertGreaterEqual(stats["runs"], 1)
                self.assertEqual((stats["errors"], stats["warnings"]), (0, 0))

    def test_its_servers_list_the_pages_that_the_docs_list(self):
        with Confd() as folder, Agent(
                PROGRAM, folder, "  probe: true\n",
                env={"DD_HISTORY_ENABLED": "true", "DD_HISTORY_PATH": str(folder.root / "history.db")}) as agent:
            self.assertEqual(listed_pages(f"http://127.0.0.1:{agent.port}/"), documented_pages("operations.md", "At `expvar_port`:"))
            self.assertEqual(listed_pages(f"http://127.0.0.1:{agent.prometheus_port}/"),
                             documented_pages("operations.md", "At `prometheus.listen`:"))

    def test_a_hung_target_holds_up_nobody(self):
        release = threading.Event()

        def hang(handler):
            release.wait(60)
            handler.close_connection = True

        with Pages({"/good": b'{"n": 1}', "/hung": hang}) as pages, Confd() as folder:
            hung = "".join(f"  - expvar_url: {pages.url('/hung')}?n={n}\n    min_collection_interval: 0.2\n    timeout: 50\n"
                           for n in range(20))
            folder.write("go_expvar.d/hung.yaml", "init_config:\ninstances:\n" + hung)
            folder.write("go_expvar.d/good.yaml", instance(pages.url("/good"), extra="    metrics: [{path: n}]\n"))
            with Agent(PROGRAM, folder, "check_runners: 1\n") as agent:
                def good_runs():
                    return sum(path == "/good" for path, _ in pages.requests)
                wait_until(lambda: len([1 for path, _ in pages.requests if path.startswith("/hung")]) == 20, "all hung")
                before = good_runs()
                wait_until(lambda: good_runs() >= before + 10, "ten more runs of the good target")
                hung_requests = sum(path.startswith("/hung") for path, _ in pages.requests)
                self.assertEqual(hung_requests, 20, "an instance ran twice at once")
                status, seconds = agent.stop()
                release.set()
                self.assertEqual(status, 0)
                self.assertLess(seconds, SOON_S)

    def test_a_series_leaves_the_page_when_its_target_fails(self):
        def fail(handler):
            handler.send_error(503)

        with Pages({"/debug/vars": [b'{"n": 1}', b'{"n": 2}', fail]}) as pages, Confd() as folder:
            folder.write("go_expvar.d/conf.yaml", instance(pages.url(), extra="    metrics: [{path: n}]\n"))
            with Agent(PROGRAM, folder) as agent:
                wait_until(lambda: any(line.startswith("heapwatch_target_up{") and line.endswith(" 0")
                                       for line in sample_lines(agent.metrics())), "the target to be down")
                self.assertNotIn("target_n{", agent.metrics())
                status = fetch(f"http://127.0.0.1:{agent.port}/status")
                self.assertIn("[ERROR]", status)
                self.assertIn("503", status)
                self.assertEqual(agent.log().count("503 Service Unavailable"), 1, "the same error is told once")

    def test_dogstatsd_receives_deltas_exactly(self):
        with Pages({"/debug/vars": [b'{"n": 18446744073709551600}', b'{"n": 18446744073709551615}']}) as pages, \
                Confd() as folder, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as reader:
            reader.bind(("127.0.0.1", 0))
            reader.settimeout(60)
            folder.write("go_expvar.d/conf.yaml", instance(
                pages.url(), extra="    metrics: [{path: n, type: monotonic_counter}]\n"))
            with Agent(PROGRAM, folder, f"dogstatsd_port: {reader.getsockname()[1]}\n"):
                line = ""
                while not line.startswith("target.n:"):
                    line = next((one for one in reader.recv(65536).decode().splitlines()
                                 if one.startswith("target.n:")), "")
                self.assertTrue(line.startswith(f"target.n:15|c|#"), line)
                self.assertIn(f"expvar_url:{pages.url()}", line)

    def test_a_wrong_file_costs_only_itself(self):
        with Pages({"/debug/vars": b'{"n": 1}'}) as pages, Confd() as folder:
            folder.write("go_expvar.d/bad.yaml", "init_config:\ninstances:\n  - expvar_url: [\n")
            folder.write("go_expvar.d/good.yaml", instance(pages.url(), extra="    metrics: [{path: n}]\n"))
            with Agent(PROGRAM, folder) as agent:
                wait_until(lambda: "target_n{" in agent.metrics(), "the good file's series")
                self.assertIn("bad.yaml:3:17: ", agent.log())

    def test_a_port_in_use_is_a_clear_error(self):
        with socket.socket() as taken, Confd() as folder:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = taken.getsockname()[1]
            config = folder.config(f"confd_path: {folder.confd}\nexpvar_port: {port}\n")
            done = run(PROGRAM, "-c", config, "run")
            self.assertEqual(done.returncode, 1)
            self.assertIn(f"127.0.0.1:{port} is in use", done.stderr)


if __name__ == "__main__":
    PROGRAM, GO_TARGET = sys.argv.pop(1), sys.argv.pop(1)
    unittest.main()
