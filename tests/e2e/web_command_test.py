"""The live page without an agent, and times of the history as files: heapwatch web, heapwatch history, exec --listen."""
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import tarfile
import tempfile
import unittest
import urllib.error
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "testing"))
from agent import clean_environment, fetch, free_port, run, wait_until  # noqa: E402
from real_parts import GoProgram  # noqa: E402

HEAPWATCH = LEAKS = GO_TARGET = GO_LEAK = ""
RATE = 700_000  # bytes a second


class Page:
    """`heapwatch web ...`, or `heapwatch exec --listen ...`."""

    def __init__(self, folder, *arguments):
        self.log = folder / f"page-{len(list(folder.iterdir()))}.log"
        (folder / "tmp").mkdir(exist_ok=True)
        with open(self.log, "w") as log:
            self.process = subprocess.Popen([HEAPWATCH, *map(str, arguments)], stderr=log, stdin=subprocess.PIPE,
                                            stdout=subprocess.PIPE, env=clean_environment(TMPDIR=str(folder / "tmp")))
        said = wait_until(lambda: self.process.poll() is not None or re.search(r"http://\S+?:\d+/", self.log.read_text()),
                          "the address of the page")
        if said is True:
            raise AssertionError(f"it ended at once: {self.log.read_text()}")
        self.url = said[0]

    def ask(self, path):
        return json.loads(fetch(self.url + "api/v1/" + path))

    def post(self, path, headers):
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        request = urllib.request.Request(self.url + "api/v1/" + path, data=b"{}", headers=headers, method="POST")
        try:
            with opener.open(request, timeout=20) as answer:
                return answer.status, json.loads(answer.read())
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def stop(self):
        self.process.send_signal(signal.SIGINT)
        self.process.communicate(timeout=60)
        return self.process.returncode

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()


class WebCommandTest(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        temporary = tempfile.TemporaryDirectory()
        cls.addClassCleanup(temporary.cleanup)
        cls.folder = pathlib.Path(temporary.name)
        cls.program = subprocess.Popen([LEAKS, "leak_malloc", "1", str(RATE)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                       stderr=subprocess.DEVNULL)
        cls.addClassCleanup(cls.program.communicate)
        cls.program.stdout.readline()
        cls.pid = cls.program.pid
        cls.incident = cls.folder / "incident.tar"
        with Page(cls.folder, "web", cls.pid, "--every", "300ms") as page:
            cls.seen_live(page)
            cls.status = page.stop()
        cls.left = os.listdir(cls.folder / "tmp")

    @classmethod
    def seen_live(cls, page):
        """Keeps what a page without an agent shows, and saves it."""
        def measured():
            try:
                memory = page.ask(f"memory/{cls.pid}?points=5000")
            except urllib.error.HTTPError:
                return None
            total = next((one["last"] for one in memory["series"] if one["name"] == "rows_rss"), [])
            return memory if len([value for value in total if value is not None]) >= 2 else None

        cls.memory = wait_until(measured, "two looks at the program", patience_s=120)
        cls.processes = page.ask("processes")
        cls.html = fetch(page.url, {"Accept": "text/html"})
        cls.posted = {origin: page.post(f"watch/{cls.pid}", {"Content-Type": "application/json", **({"Origin": origin} if origin else {})})
                      for origin in ("", page.url.rstrip("/"), "http://evil.example")}
        cls.form = page.post(f"watch/{cls.pid}", {"Content-Type": "text/plain"})
        cls.memory = page.ask(f"memory/{cls.pid}?points=5000&to={cls.memory['times'][-1]}")
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(page.url + f"api/v1/export?to={cls.memory['times'][-1]}", timeout=60) as answer:
            cls.incident.write_bytes(answer.read())

    def test_a_process_is_watched_without_an_agent(self):
        process, = self.processes["processes"]
        self.assertEqual((process["pid"], process["kind"]), (self.pid, "process"))
        self.assertTrue(self.processes["live"] and self.processes["can_watch"])
        total = next(one["last"] for one in self.memory["series"] if one["name"] == "rows_rss")
        for i, value in enumerate(total):
            if value is not None:
                self.assertEqual(sum(row["bytes"][i] or 0 for row in self.memory["rows"]), value)
        self.assertIn("<html", self.html)
        self.assertEqual(self.status, 0)
        self.assertEqual(self.left, [])  # the file of the history goes with the command

    def test_a_process_is_watched_by_request_of_our_own_page_alone(self):
        statuses = [status for status, _ in self.posted.values()]
        self.assertEqual(statuses, [200, 200, 403])
        answer = self.posted[""][1]
        self.assertEqual((answer["schema"], answer["pid"], answer["watched"]), ("heapwatch.watch/1", self.pid, True))
        self.assertEqual(self.form[0], 415)

    def test_an_incident_shows_the_same_on_another_machine(self):
        with Page(self.folder, "web", self.incident) as page:
            processes = page.ask("processes")
            self.assertFalse(processes["live"] or processes["can_watch"])
            self.assertEqual(processes["clock"], self.memory["times"][-1])
            self.assertEqual([one["name"] for one in processes["processes"]],
                             [one["name"] for one in self.processes["processes"]])
            memory = page.ask(f"memory/{self.pid}?points=5000")
            for member in ("times", "rows", "series"):
                self.assertEqual(memory[member], self.memory[member], member)
            self.assertEqual(page.stop(), 0)

    def test_an_incident_is_imported_listed_and_exported_again(self):
        database = self.folder / "other.db"
        done = run(HEAPWATCH, "history", "import", self.incident, "--db", database)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertRegex(done.stderr, r"took in 1 life, \d+ frames, 0 profiles, ")
        listed = json.loads(run(HEAPWATCH, "history", "list", "--json", "--db", database).stdout)["lives"]
        self.assertEqual([(one["pid"], one["kind"], one["started"]) for one in listed],
                         [(self.pid, "process", self.processes["processes"][0]["started"])])
        table = run(HEAPWATCH, "history", "list", "--db", database).stdout.splitlines()
        self.assertEqual(len(table), 2)
        self.assertTrue(table[1].startswith(f"{listed[0]['life']}\tprocess\t{self.pid}\t"), table)
        again = self.folder / "again.tar"
        done = run(HEAPWATCH, "history", "export", "--db", database, "--pid", self.pid, "--from", "1d", "-o", again)
        self.assertEqual(done.returncode, 0, done.stderr)
        with tarfile.open(self.incident) as first, tarfile.open(again) as second:
            def frames(tar):
                return sorted(name.split("-", 1)[1] for name in tar.getnames() if name.startswith("frames/"))
            self.assertEqual(first.getnames()[0], "heapwatch.json")
            self.assertEqual(frames(first), frames(second))
        done = run(HEAPWATCH, "history", "export", "--db", database, "--pid", 1, "-o", self.folder / "none.tar")
        self.assertEqual((done.returncode, (self.folder / "none.tar").exists()), (1, False))
        self.assertIn("heapwatch history list shows what it has", done.stderr)

    def test_prometheus_takes_the_numbers(self):
        with tarfile.open(self.incident) as tar:
            name, = [one for one in tar.getnames() if one.startswith("metrics/")]
            text = tar.extractfile(name).read()
        self.assertRegex(text.decode(), rf'heapwatch_history_rss_bytes\{{life="\d+",kind="process",[^}}]*pid="{self.pid}"\}} \d+ \d+\.\d{{3}}\n')
        numbers = self.folder / "metrics.txt"
        numbers.write_bytes(text)
        blocks = self.folder / "blocks"
        done = subprocess.run(["promtool", "tsdb", "create-blocks-from", "openmetrics", str(numbers), str(blocks)],
                              capture_output=True, text=True, timeout=120, check=False)
        self.assertEqual(done.returncode, 0, done.stderr + done.stdout)
        self.assertTrue(list(blocks.glob("*/index")))

    def test_the_url_of_a_go_program_brings_its_profiles(self):
        go = GoProgram(GO_TARGET)
        self.addCleanup(lambda: go.process.poll() is None and go.stop())
        for arguments in ((go.process.pid, "--url", go.url()), (go.url(),)):
            with self.subTest(arguments=arguments), Page(self.folder, "web", *arguments, "--every", "300ms") as page:
                profiles = wait_until(lambda: self.profiles_of(page, go.process.pid), "a profile", patience_s=120)
                self.assertEqual([one["kind"] for one in profiles], ["go"])
                self.assertTrue(any(frame["file"].endswith(".go") for site in profiles[0]["sites"] for frame in site["stack"]), profiles)
                rows = {(row["space"], row["state"]) for row in page.ask(f"memory/{go.process.pid}")["rows"]}
                self.assertIn(("go", "live"), rows)
                self.assertEqual(page.stop(), 0)
        done = run(HEAPWATCH, "web", self.incident, "--url", go.url(), timeout=60)
        self.assertEqual(done.returncode, 1)
        self.assertIn("--url is of a process", done.stderr)

    @staticmethod
    def profiles_of(page, pid):
        try:
            return page.ask(f"suspects/{pid}")["profiles"]
        except urllib.error.HTTPError:
            return None

    def test_what_is_wrong_is_said(self):
        text = self.folder / "text"
        text.write_text("nothing of ours")
        damaged = self.folder / "damaged.tar"
        with tarfile.open(self.incident) as archive:
            largest = max(archive.getmembers(), key=lambda member: member.size)
        damaged.write_bytes(self.incident.read_bytes()[:largest.offset_data + largest.size // 2])
        for arguments, words in ((["web", text], f"{text}: it is no tar archive"),
                                 (["web", damaged], "ends within an entry"),
                                 (["history", "import", damaged, "--db", self.folder / "new.db"], "ends within an entry"),
                                 (["web", "no-such-program-here"], "no-such-program-here"),
                                 (["web", "4194303"], "4194303"),
                                 (["history", "list", "--db", self.folder / "absent.db"], "absent.db"),
                                 (["history", "list", "--db", text], "file is not a database"),
                                 (["history", "list", "--from", "yesterday", "--db", self.folder / "new.db"], '"yesterday" is no moment')):
            done = run(HEAPWATCH, *arguments, timeout=60)
            self.assertEqual(done.returncode, 1, arguments)
            self.assertIn(words, done.stderr)
        listed = json.loads(run(HEAPWATCH, "history", "list", "--json", "--db", self.folder / "new.db").stdout)
        self.assertEqual(listed["lives"], [])

    def test_a_program_and_its_children_have_a_page_while_they_run(self):
        script = "import subprocess, sys; child = subprocess.Popen(['sleep', '300']); print('up', flush=True); sys.stdin.read(); child.kill()"
        with Page(self.folder, "exec", "--listen", "127.0.0.1:0", "--", "/usr/bin/python3", "-c", script) as page:
            page.process.stdout.readline()
            names = wait_until(lambda: self.seen_names(page, 2), "both processes")
            self.assertEqual(names, ["python3", "sleep"])
            self.assertIn("<html", fetch(page.url.split("debug")[0], {"Accept": "text/html"}))
            page.process.stdin.close()
            page.process.stdin = None
            page.process.communicate(timeout=60)
        self.assertEqual(os.listdir(self.folder / "tmp"), [])

    def test_go_in_a_program_under_exec_is_in_the_pages_by_its_address(self):
        address = f"127.0.0.1:{free_port()}"
        with Page(self.folder, "exec", "--listen", "127.0.0.1:0", "--url", address, "--", GO_LEAK, address) as page:
            self.assertEqual(page.process.stdout.readline().decode().strip(), f"http://{address}")
            for _ in range(200):  # each leaves a goroutine
                fetch(f"http://{address}/order")
            fetch(f"http://{address}/gc")
            fetch(f"http://{address}/gc")
            pid, = [one["pid"] for one in wait_until(lambda: self.seen_names(page, 1) and page.ask("processes")["processes"], "it")]
            traces = subprocess.run(["go", "tool", "pprof", "-traces", "-symbolize=none", page.url.split("debug")[0] + "debug/pprof/heap"],
                                    timeout=120, capture_output=True, text=True, check=True,
                                    env=clean_environment(PPROF_TMPDIR=str(self.folder))).stdout
            self.assertRegex(traces, r"space: +go\n")
            profiles = wait_until(lambda: [one for one in self.profiles_of(page, pid) or [] if one["kind"] == "go"], "a profile",
                                  patience_s=150)
            self.assertTrue(any(frame["file"].endswith(".go") for site in profiles[0]["sites"] for frame in site["stack"]), profiles)
        done = run(HEAPWATCH, "exec", "--url", address, "--", "true")
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("--url requires --listen", done.stderr)

    @staticmethod
    def seen_names(page, count):
        try:
            names = sorted(one["name"] for one in page.ask("processes")["processes"])
        except urllib.error.HTTPError:
            return None
        return names if len(names) == count else None


if __name__ == "__main__":
    HEAPWATCH, LEAKS, GO_TARGET, GO_LEAK = sys.argv[1:5]
    unittest.main(argv=sys.argv[:1] + sys.argv[5:])
