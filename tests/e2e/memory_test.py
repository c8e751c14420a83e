"""heapwatch memory over real programs: rows that add up to RSS, and no trace left in the program."""
import contextlib
import http.server
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "testing"))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from agent import clean_environment, free_port  # noqa: E402
from real_parts import GoProgram  # noqa: E402

HEAPWATCH = HEAP_PROGRAM = CXX_PROGRAM = GO_TARGET = ""
PYTHON = """
import sys, threading
things = [{"n": i, "t": str(i) * 3} for i in range(60000)]
blob = bytearray(3 << 20)
print("ready", flush=True)
sys.stdin.read()
"""
ROW_KEYS = {"space", "owner", "state", "bytes", "blocks", "source", "note"}
SPACES = {"go", "native", "python", "stacks", "files", "shared", "own", "other", "unexplained"}


def heapwatch(*arguments, **options):
    return subprocess.run([HEAPWATCH, "memory", *map(str, arguments)], capture_output=True, text=True, timeout=120,
                          env=clean_environment(), check=False, **options)


AS_ANOTHER_USER = {"user": 65534, "group": 65534, "extra_groups": [], "cwd": "/"}


def looked_at(*arguments):
    done = heapwatch(*arguments, "--json")
    if done.returncode != 0:
        raise AssertionError(done.stderr)
    return json.loads(done.stdout)


def footprint(pid):
    """What a look must leave as it is: RSS and swap by the kernel's sum, minor and major faults."""
    rollup = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
    stat = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return re.findall(r"^(?:Rss|Swap): .*", rollup, re.M), stat[7], stat[9]


def rss(pid):
    rollup = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
    return int(re.search(r"^Rss: +(\d+) kB", rollup, re.M)[1]) * 1024


class Target:
    """A program that says "ready" and waits."""

    def __init__(self, *command):
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                        env=clean_environment())
        for line in self.process.stdout:
            if line.strip() == "ready":
                break
        self.pid = self.process.pid
        while pathlib.Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()[0] != "S":
            pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.communicate()


def joined(groups, name, target):
    """Whether a control group of that name was made with the process in it. `groups` removes it, once its process has ended."""
    for root in ("/sys/fs/cgroup/systemd", "/sys/fs/cgroup"):
        folder = pathlib.Path(root) / name
        try:
            folder.mkdir()
        except OSError:
            continue
        groups.callback(removed, folder)
        try:
            (folder / "cgroup.procs").write_text(str(target.pid))
        except OSError:
            continue
        if name in pathlib.Path(f"/proc/{target.pid}/cgroup").read_text():
            return True
    return False


def removed(folder):
    """A process that was killed leaves its group a moment later."""
    for _ in range(1000):
        try:
            return folder.rmdir()
        except OSError:
            time.sleep(0.01)
    return None


class MemoryTest(unittest.TestCase):
    maxDiff = None

    def check(self, page, pid):
        self.assertEqual(page["schema"], "heapwatch.memory/1")
        self.assertEqual(page["pid"], pid)
        for row in page["rows"]:
            self.assertEqual(set(row), ROW_KEYS)
            self.assertIn(row["space"], SPACES)
        self.assertEqual(sum(row["bytes"] for row in page["rows"]), page["rss_bytes"])
        self.assertEqual(page["rss_uncertainty_bytes"], 0)
        self.assertEqual(page["rss_bytes"], rss(pid))
        self.assertEqual(page["missing"], [])
        self.assertEqual([check for check in page["checks"] if not check["ok"]], [])

    def bytes_of(self, page, **wanted):
        return sum(row["bytes"] for row in page["rows"] if all(row[key] == value for key, value in wanted.items()))

    def test_a_c_program_is_explained_to_a_few_pages(self):
        with Target(HEAP_PROGRAM, "heap", "4") as target:
            page = looked_at(target.pid)
            self.check(page, target.pid)
            self.assertEqual(page["command"], pathlib.Path(HEAP_PROGRAM).name[:15])
            self.assertGreater(self.bytes_of(page, owner="glibc", state="live"), 5_000_000)
            self.assertLess(self.bytes_of(page, space="unexplained"), page["rss_bytes"] * 0.002)
            [glibc] = page["allocators"]
            self.assertEqual((glibc["name"], glibc["arenas"], glibc["walked"]), ("glibc", 5, True))

    def test_python_and_its_large_blocks_add_up(self):
        with Target("/usr/bin/python3", "-c", PYTHON) as target:
            page = looked_at(target.pid)
            self.check(page, target.pid)
            large = [row for row in page["rows"] if row["note"].startswith("large blocks")]
            self.assertGreaterEqual(large[0]["bytes"], 3 << 20)

    def test_looks_leave_no_trace(self):
        with Target(HEAP_PROGRAM, "heap", "2") as target:
            looked_at(target.pid)
            before = footprint(target.pid)
            done = [subprocess.Popen([HEAPWATCH, "memory", str(target.pid)], stdout=subprocess.DEVNULL) for _ in range(8)]
            self.assertEqual([one.wait(120) for one in done], [0] * 8)
            self.assertEqual(footprint(target.pid), before)

    def test_the_table_for_people_has_the_same_rows(self):
        with Target(HEAP_PROGRAM, "sizes", "3009", "3016") as target:
            done = heapwatch(target.pid, "--sizes", "1")
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertIn(f"pid {target.pid}  {HEAP_PROGRAM} sizes 3009 3016\nRSS ", done.stdout)
            self.assertIn("\n  live blocks by size, most bytes first: 3,009 x 3,024 = 8.68 M\n", done.stdout)
            self.assertNotIn("\x1b", done.stdout)

    def test_a_process_is_found_by_its_name_its_command_line_and_its_port(self):
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            listener.listen()
            page = looked_at("--port", listener.getsockname()[1])
            self.assertEqual(page["pid"], os.getpid())
        with Target(HEAP_PROGRAM, "sizes", "5", "4321"), Target(HEAP_PROGRAM, "sizes", "6", "4321"):
            pages = looked_at("sizes 5 4321")
            self.assertEqual(pages["command"], pathlib.Path(HEAP_PROGRAM).name[:15])
            self.assertEqual(len(looked_at(" 4321")), 2)
            table = heapwatch(" 4321").stdout.splitlines()
            self.assertEqual(table[0].split(), ["PID", "RSS", "go", "native", "python", "stacks", "files", "shared", "own",
                                                "other", "unexplained", "COMMAND"])
            self.assertEqual(len(table), 3)

    def test_a_go_program_is_found_by_its_url_and_its_counters_agree(self):
        with GoProgram(GO_TARGET) as go:
            page = looked_at("--url", go.url())
            self.assertEqual(page["pid"], go.process.pid)
            [check] = [check for check in page["checks"] if check["reader"] == "expvar"]
            self.assertTrue(check["ok"], check)
            self.assertRegex(check["note"], r"^by the program's own counters .* of heap are in use, .* of them live; walked: ")

    def test_a_go_program_that_serves_expvars_is_asked_by_itself_and_a_url_is_a_target(self):
        with GoProgram(GO_TARGET) as go:
            for target in (go.process.pid, go.url("")):
                page = looked_at(target)
                self.assertEqual((page["pid"], page["missing"]), (go.process.pid, []))
                [check] = [check for check in page["checks"] if check["reader"] == "expvar"]
                self.assertTrue(check["ok"], check)
            refused = heapwatch(go.url(), "--url", go.url())
            self.assertEqual((refused.returncode, refused.stdout), (1, ""))
            self.assertIn("one URL is asked for its counters, and these are two: ", refused.stderr)

    def test_of_a_url_without_expvars_the_heap_profile_is_asked_for(self):
        asked = []
        profile = ("heap profile: 0: 0 [0: 0] @ heap/1048576\n\n# runtime.MemStats\n# HeapAlloc = 1048576\n# HeapIdle = 0\n"
                   "# HeapInuse = 2097152\n# HeapReleased = 0\n# HeapObjects = 7\n# Stack = 1 / 2\n# MSpan = 1 / 2\n"
                   "# MCache = 1 / 2\n# BuckHashSys = 1\n# GCSys = 1\n# OtherSys = 1\n")

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                asked.append(self.path)
                self.send_response(200 if "pprof" in self.path else 404)
                self.end_headers()
                self.wfile.write(profile.encode() if "pprof" in self.path else b"")

            def log_message(self, *_):
                pass

        with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            page = looked_at("--url", f"localhost:{server.server_port}")
            plain = looked_at(os.getpid())
            server.shutdown()
        self.assertEqual(asked, ["/debug/vars", "/debug/pprof/heap?debug=1"])
        [check] = [check for check in page["checks"] if check["reader"] == "expvar"]
        self.assertEqual(check["note"], "by the program's own counters 2.00 M of heap are in use, 1.00 M of them live")
        # What is no Go program is asked for nothing.
        self.assertEqual([check for check in plain["checks"] if check["reader"] == "expvar"], [])

    @unittest.skipUnless(os.geteuid() == 0, "only root can start a program as another user")
    def test_a_go_program_that_may_not_be_read_is_split_by_its_counters(self):
        with GoProgram(GO_TARGET) as go:
            target = str(go.process.pid)
            before = json.loads(heapwatch(target, "--json", **AS_ANOTHER_USER).stdout)
            self.assertEqual(self.bytes_of(before, space="go"), 0)
            page = json.loads(heapwatch(target, "--url", go.url(), "--json", **AS_ANOTHER_USER).stdout)
            self.assertEqual(page["missing"], before["missing"])
            self.assertEqual(sum(row["bytes"] for row in page["rows"]), page["rss_bytes"])
            [live] = [row for row in page["rows"] if row["note"].startswith("heap")]
            self.assertEqual((live["space"], live["state"], live["source"]), ("go", "live", "counter"))
            self.assertGreater(live["bytes"], 100_000)
            self.assertLess(self.bytes_of(page, space="unexplained"), self.bytes_of(before, space="unexplained"))
            done = heapwatch("--url", go.url(), **AS_ANOTHER_USER)
            self.assertEqual((done.returncode, "is another user's or in another container" in done.stderr), (1, True), done.stderr)

    def test_a_url_that_names_no_process_here_is_refused_with_the_reason(self):
        port = free_port()
        for url, message in (
            ("http://example.com/debug/vars", "a process is found by a URL of localhost, not of example.com; name it too"),
            (f"localhost:{port}", f"nothing listens on TCP port {port}"),
            ("unix:///run/a.sock", "a process is found by the TCP port of its URL, and this has none; name it too"),
        ):
            done = heapwatch("--url", url)
            self.assertEqual((done.returncode, done.stdout), (1, ""))
            self.assertIn(message, done.stderr)

    def test_a_page_that_is_none_is_missing_and_the_rest_is_there(self):
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            listener.listen()
            port = listener.getsockname()[1]

            def answer():
                connection = listener.accept()[0]
                connection.recv(4096)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n<html>")
                connection.close()
            thread = threading.Thread(target=answer)
            thread.start()
            page = looked_at("--url", f"localhost:{port}")
            thread.join()
            self.assertEqual(page["pid"], os.getpid())
            self.assertIn({"what": "its expvars", "why": "it is no page of a Go program's expvars: it has no memstats", "remedy": ""}, page["missing"])

    def test_files_have_rows_of_their_own_on_request(self):
        with Target(HEAP_PROGRAM, "heap", "1") as target:
            page = looked_at(target.pid, "--files")
            self.check(page, target.pid)
            notes = [row["note"] for row in page["rows"] if row["space"] == "files"]
            self.assertIn(f"{pathlib.Path(HEAP_PROGRAM).resolve()}: clean or shared", notes)
            self.assertTrue(any(re.search(r"/libc[.-].*: clean or shared$", note) for note in notes), notes)
            plain = looked_at(target.pid)
            self.assertEqual(self.bytes_of(page, space="files"), self.bytes_of(plain, space="files"))
            self.assertIn("libc", heapwatch(target.pid, "--files").stdout)

    def test_watching_gives_an_object_a_line_and_several_a_table_with_changes(self):
        with Target(HEAP_PROGRAM, "sizes", "5", "4321") as first, Target(HEAP_PROGRAM, "sizes", "6", "4321") as second:
            done = heapwatch(" 4321", "--watch", "-n", "2", "-i", "100", "--json")
            self.assertEqual(done.returncode, 0, done.stderr)
            pids = [json.loads(line)["pid"] for line in done.stdout.splitlines()]
            self.assertEqual(sorted(pids), sorted([first.pid, second.pid] * 2))
            done = heapwatch(" 4321", "--watch", "-n", "2", "-i", "100")
            tables = done.stdout.strip().split("\n\n")
            self.assertEqual(len(tables), 2, done.stdout)
            self.assertRegex(tables[0], r"unexplained +change/s +COMMAND\n +\d+ .* - +memory_heap")
            self.assertRegex(tables[1], r"\n +\d+ .* \+0 B +memory_heap")
        done = heapwatch("--watch", "-n", "1")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("change/s", done.stdout)

    def test_a_process_is_found_by_its_unit_and_its_container(self):
        """Real control groups where this machine lets us make them; elsewhere tests/memory/process/find_test.cpp has recorded ones."""
        identity = f"{os.getpid():012x}" + "c" * 52
        with Target(HEAP_PROGRAM, "sizes", "5", "4321") as service, Target(HEAP_PROGRAM, "sizes", "5", "4321") as container:
            with contextlib.ExitStack() as groups:
                for name, target in ((f"heapwatch-test-{os.getpid()}.service", service), (f"docker-{identity}.scope", container)):
                    if not joined(groups, name, target):
                        self.skipTest("control groups cannot be made here")
                self.assertEqual(looked_at(f"heapwatch-test-{os.getpid()}.service")["pid"], service.pid)
                self.assertEqual(looked_at(f"heapwatch-test-{os.getpid()}")["pid"], service.pid)
                self.assertEqual(looked_at(identity)["pid"], container.pid)
                self.assertEqual(looked_at(identity[:12])["pid"], container.pid)
                for target in (service, container):
                    target.process.kill()
                    target.process.wait()

    def test_what_grew_is_told_against_a_file_and_while_watching(self):
        with Target(HEAP_PROGRAM, "sizes", "3009", "3016") as small, Target(HEAP_PROGRAM, "sizes", "9009", "3016") as large, \
                tempfile.TemporaryDirectory() as folder:
            before = pathlib.Path(folder) / "before.json"
            before.write_text(heapwatch(small.pid, "--json").stdout)
            grown = heapwatch(large.pid, "--against", before)
            self.assertEqual(grown.returncode, 0, grown.stderr)
            self.assertRegex(grown.stdout, r"^in \d+ s: RSS \+17\.\d M\nspaces:\n  native .*\n(?:  .*\n)*rows:\n  native glibc live  ")
            self.assertRegex(grown.stdout, r"\n  glibc blocks of 3024 bytes +\+17\.3 M .*\+6000 blocks\n")
            before.write_text("{}")
            refused = heapwatch(large.pid, "--against", before)
            self.assertEqual((refused.returncode, refused.stderr[:len(f"heapwatch: {before}: it is not what")]),
                             (1, f"heapwatch: {before}: it is not what"))
            watched = heapwatch(small.pid, "--watch", "-n", "2", "-i", "100")
            self.assertEqual(watched.returncode, 0, watched.stderr)
            self.assertRegex(watched.stdout, r"\n\nin 0 s: RSS \+0 B\n")

    def test_objects_of_a_stripped_program_are_counted_by_class(self):
        with Target(CXX_PROGRAM) as target:
            page = looked_at(target.pid, "--types")
            self.assertEqual([(one["space"], one["name"], one["objects"]) for one in page["types"]],
                             [("native", "shop::Order", 1200), ("native", "shop::Session", 2500)])

    def test_without_a_target_the_largest_processes_are_listed(self):
        done = heapwatch()
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertRegex(done.stdout, r"(?m)^ +\d+ ")

    def test_what_is_not_there_is_named(self):
        for arguments, message in (
            (["4194304"], "heapwatch: there is no process 4194304\n"),
            (["no such program"], 'heapwatch: no process is named "no such program" or has that in its command line'),
            (["--port", "1"], "heapwatch: nothing listens on TCP port 1\n"),
            (["nothing.service"], 'heapwatch: no process belongs to the unit "nothing.service"\n'),
            (["f" * 12], f'heapwatch: no process is in a container "{"f" * 12}" or has that in its command line\n'),
            (["0"], "heapwatch: there is no process 0\n"),
            ([str(os.getpid()), "--json", "--against", __file__], "heapwatch: --against tells what grew as text: without --json\n"),
        ):
            done = heapwatch(*arguments)
            self.assertEqual((done.returncode, done.stderr[:len(message)]), (1, message))

    def test_what_cannot_be_together_is_refused(self):
        with Target(HEAP_PROGRAM, "sizes", "10", "100") as first, Target(HEAP_PROGRAM, "sizes", "10", "100") as second:
            several = [first.pid, second.pid]
            for arguments, message in (
                ([first.pid, "--watch", "--against", __file__],
                 "--against tells what grew since a file, --watch what grew since the look before: give one of them"),
                (["--pause"], "--pause stops a process for a moment: name the one that is meant"),
                (["--json", "--reach"], "--reach stops a process for a moment: name the one that is meant"),
                ([*several, "--types"], "--types tells of one process, and 2 are meant: name one of them, or add --json"),
                ([*several, "--files"], "--files tells of one process, and 2 are meant: name one of them, or add --json"),
                ([*several, "--against", __file__], "--against wants one process, and 2 are meant"),
            ):
                done = heapwatch(*arguments)
                self.assertEqual((done.returncode, done.stdout, done.stderr), (1, "", f"heapwatch: {message}\n"))
            self.assertEqual(len(json.loads(heapwatch(*several, "--types", "--json").stdout)), 2)

    def test_of_several_those_that_are_not_there_are_named_beside_the_rest(self):
        with Target(HEAP_PROGRAM, "sizes", "10", "100") as target:
            done = heapwatch(target.pid, "4194304", "--json")
            self.assertEqual((done.returncode, done.stderr), (0, "heapwatch: there is no process 4194304\n"))
            self.assertEqual([page["pid"] for page in json.loads(done.stdout)], [target.pid])

    def test_who_started_the_command_is_not_meant_by_a_part_of_its_command_line(self):
        text = "a text that is in no other command line"
        done = subprocess.run(["/bin/sh", "-c", '"$0" memory "$1"; exit $?', HEAPWATCH, text], capture_output=True, text=True,
                              timeout=60, env=clean_environment(), check=False)
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertIn(f'no process is named "{text}"', done.stderr)

    def test_another_users_process_shows_what_the_kernel_tells_everybody(self):
        if os.geteuid() != 0:
            self.skipTest("needs root, to become another user")
        with Target(HEAP_PROGRAM, "heap", "1") as target:
            done = subprocess.run([HEAPWATCH, "memory", str(target.pid), "--json"], capture_output=True, text=True,
                                  timeout=60, env=clean_environment(), user=65534, group=65534, extra_groups=[], check=False)
            if done.returncode != 0 and "Permission denied" in done.stderr:
                self.skipTest("another user may not run the program from where it was built")
            page = json.loads(done.stdout)
            self.assertEqual(page["missing"], [{"what": "its mappings", "why": "it runs as user 0, not as ours",
                                                "remedy": f"sudo heapwatch memory {target.pid}"}])
            self.assertEqual(sum(row["bytes"] for row in page["rows"]), page["rss_bytes"])

    def test_what_may_trace_but_not_read_files_of_others_is_told_what_it_lacks(self):
        if os.geteuid() != 0:
            self.skipTest("needs root, to become another user")
        with Target(HEAP_PROGRAM, "heap", "1") as target:
            done = subprocess.run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=+sys_ptrace",
                                   "--ambient-caps=+sys_ptrace", HEAPWATCH, "memory", str(target.pid), "--json"],
                                  capture_output=True, text=True, timeout=60, env=clean_environment(), check=False)
            if done.returncode != 0 and "Permission denied" in done.stderr:
                self.skipTest("another user may not run the program from where it was built")
            self.assertEqual(done.returncode, 0, done.stderr)
            page = json.loads(done.stdout)
            self.assertEqual(page["missing"][0], {"what": "its page tables", "why": "it runs as user 0, not as ours",
                                                  "remedy": f"sudo heapwatch memory {target.pid}"})
            self.assertEqual(sum(row["bytes"] for row in page["rows"]), page["rss_bytes"])

    def test_looks_at_processes_that_come_and_go_end_well(self):
        for _ in range(15):
            target = subprocess.Popen(["/bin/sh", "-c", "/bin/true; exec /bin/sleep 0.02"])
            done = heapwatch(target.pid)
            self.assertIn(done.returncode, (0, 1))
            if done.returncode == 1:
                self.assertRegex(done.stderr, r"^heapwatch: (there is no process \d+|process \d+ .*)\n$")
            target.send_signal(signal.SIGKILL)
            target.wait()


if __name__ == "__main__":
    HEAPWATCH, HEAP_PROGRAM, CXX_PROGRAM, GO_TARGET = sys.argv[1:5]
    unittest.main(argv=sys.argv[:1])
