"""heapwatch exec over real programs: they run as without it, and their memory is accounted for exactly."""
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import unittest
import urllib.error

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "testing"))
from agent import clean_environment, documented_pages, fetch, free_port, listed_pages, wait_until  # noqa: E402

HEAPWATCH = PROGRAM = MODULE = OTHER_ALLOCATOR = OWN_MALLOC = ""
HERE = pathlib.Path(__file__).resolve().parent
COUNTERS = re.compile(r"allocated (\d+) bytes? in (\d+) blocks?, freed (\d+) bytes? in (\d+) blocks?\n"
                      r"heapwatch:   not freed: (\d+) bytes? in (\d+) blocks?; untracked frees: (\d+)\n")


class ExecTest(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        self.folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))

    def watched(self, *command, options=(), stdin=None):
        return subprocess.run([HEAPWATCH, "exec", *map(str, options), "--", *map(str, command)], capture_output=True, text=True,
                              timeout=120, env=clean_environment(), input=stdin, check=False)

    def counters(self, done):
        found = COUNTERS.search(done.stderr)
        self.assertIsNotNone(found, done.stderr)
        values = dict(zip(("allocated", "allocations", "freed", "frees", "inuse", "blocks", "untracked"),
                          map(int, found.groups())))
        self.assertEqual(values["inuse"], values["allocated"] - values["freed"])
        self.assertEqual(values["blocks"], values["allocations"] - values["frees"])
        return values

    def leaked(self, *command, status=0):
        """Every sample of the blocks that the program leaks: (stack's functions, blocks, labels)."""
        report = self.folder / "heap.pb.gz"
        done = self.watched(*command, options=("--sample-interval", "1", "--report", report))
        self.assertEqual(done.returncode, status, done.stderr)
        return self.samples(report), done

    def samples(self, report, size=12345):
        raw = subprocess.run(["go", "tool", "pprof", "-raw", "-symbolize=none", str(report)], capture_output=True,
                             text=True, timeout=60, env=clean_environment(), check=True).stdout
        names = {number: line.strip() for number, line in
                 re.findall(r"^ +(\d+): 0x[0-9a-f]+ M=\d+ (.*?) \S*:\d+", raw, re.M)}
        found = []
        for values, stack, labels in re.findall(r"^ +([\d ]+): ([\d ]+)\n((?: +\S+:\[.*\n)*)", raw, re.M):
            if f"bytes:[{size}]" in labels or f"bytes:[{size} bytes]" in labels:
                found.append(([names.get(number, "?") for number in stack.split()], int(values.split()[2]), labels))
        return found

    def test_real_programs_run_as_they_do_alone(self):
        repository = self.folder / "repository"
        script = "import json,threading\nd={str(i):[i]*3 for i in range(3000)}\n" \
                 "t=[threading.Thread(target=lambda: json.loads(json.dumps(d))) for _ in range(4)]\n" \
                 "[x.start() for x in t]; [x.join() for x in t]\nprint(len(d))"
        git = f"cd {repository} && git init -q && echo a > a && git add a && " \
              "git -c user.name=a -c user.email=a@b commit -qm x && git log --format=%s && git gc -q && git fsck"
        repository.mkdir()
        programs = {
            "cpython": ["/usr/bin/python3", "-c", script],
            "sqlite3": ["sqlite3", ":memory:", "create table t(a); with recursive c(x) as (select 1 union all select x+1 "
                        "from c where x<20000) insert into t select x from c; create index i on t(a); select sum(a) from t;"],
            "jq": ["jq", "-n", "[range(20000)|tostring]|join(\",\")|length"],
            "perl": ["perl", "-e", 'my %h; $h{$_} = [1..5] for 1..5000; print scalar(keys %h), "\\n"; print `echo child`;'],
            "false": ["false"],
        }
        for name, command in programs.items():
            with self.subTest(name):
                alone = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
                done = self.watched(*command)
                self.assertEqual((done.returncode, done.stdout), (alone.returncode, alone.stdout), done.stderr)
                counters = self.counters(done)
                self.assertEqual(counters["untracked"], 0, done.stderr)
                self.assertNotIn("malloc of its own", done.stderr)
                if name != "false":
                    self.assertGreater(counters["allocations"], 1000)
        with self.subTest("git"):
            done = self.watched("sh", "-c", git)
            self.assertEqual((done.returncode, done.stdout), (0, "x\n"), done.stderr)
            self.assertRegex(done.stderr, r"heapwatch: and \d+ child processes, which held \d+ bytes at their ends\n")

    def test_the_library_needs_libc_alone(self):
        library = next(path for path in (HEAPWATCH.parent.parent / "preload").glob("*.so"))
        listed = subprocess.run(["readelf", "-d", str(library)], capture_output=True, text=True, check=True).stdout
        self.assertLessEqual(set(re.findall(r"NEEDED.*\[(.*)\]", listed)), {"libc.so.6", "ld-linux-x86-64.so.2"})

    def test_a_go_program_shows_its_go_frames(self):
        program = self.folder / "cgo"
        subprocess.run(["go", "build", "-o", str(program), "."], cwd=HERE / "cgo", check=True, timeout=120,
                       env={**os.environ, "GOFLAGS": "-mod=mod", "CGO_ENABLED": "1"})
        report = self.folder / "heap.pb.gz"
        done = self.watched(program, options=("--sample-interval", "1", "--report", report))
        self.assertEqual((done.returncode, done.stdout), (4, "done\n"), done.stderr)
        self.assertEqual(self.counters(done)["untracked"], 0)
        samples = self.samples(report, size=10000)
        self.assertEqual(sum(blocks for _, blocks, _ in samples), 4000)
        for stack, _, _ in samples:
            self.assertIn("main.leakFromGo", stack)

    def test_threads_and_their_destructors(self):
        samples, done = self.leaked(PROGRAM, "threads")
        self.assertEqual([(stack[0], blocks) for stack, blocks, _ in samples], [("leak_blocks", 100)])
        self.assertIn("space:[native]", samples[0][2])
        self.assertEqual(self.counters(done)["untracked"], 0)

    def test_every_function_of_the_family(self):
        samples, done = self.leaked(PROGRAM, "family")
        self.assertEqual(sum(blocks for _, blocks, _ in samples), 10)
        rounded = self.samples(self.folder / "heap.pb.gz", size=12352)  # libstdc++ rounds up what is aligned
        self.assertEqual([blocks for _, blocks, _ in rounded], [1])
        self.assertEqual(self.counters(done)["untracked"], 0)

    def test_children_have_books_of_their_own(self):
        samples, done = self.leaked(PROGRAM, "forks")
        own = [blocks for _, blocks, labels in samples if "process:" not in labels]
        children = [blocks for _, blocks, labels in samples if "process:" in labels]
        self.assertEqual((own, children), ([1], [3] * 100))
        self.assertEqual(self.counters(done)["untracked"], 0)
        self.assertRegex(done.stderr, r"and 100 child processes")

    def test_a_child_that_nobody_can_watch_stays_off_its_parents_books(self):
        samples, done = self.leaked(PROGRAM, "starved")
        self.assertEqual([blocks for _, blocks, _ in samples], [1])
        self.assertNotIn("child processes", done.stderr)

    def orphan(self, how, end):
        """What a program says that goes on without its watcher, and forks then."""
        process = subprocess.Popen([HEAPWATCH, "exec", "--", PROGRAM, how], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, text=True, env=clean_environment(TMPDIR=str(self.folder)))
        for stream in (process.stdout, process.stderr):
            self.addCleanup(stream.close)
        self.assertEqual(process.stdout.readline(), "ready 1\n")
        end(process)
        process.wait(timeout=60)
        process.stdin.write("fork\n")
        process.stdin.close()
        return process.stdout.read()

    def test_a_program_whose_watcher_has_gone_goes_on_by_itself(self):
        alone = "child 0 parent 0\ndone\n"
        self.assertEqual(self.orphan("daemon", lambda process: None), alone)
        self.assertEqual(self.orphan("orphan", lambda process: process.kill()), alone)

    def test_signals(self):
        samples, done = self.leaked(PROGRAM, "signals")
        self.assertEqual([blocks for _, blocks, _ in samples], [2])
        self.assertEqual(self.counters(done)["untracked"], 0)

    def test_code_that_was_unloaded_keeps_its_name(self):
        samples, _ = self.leaked(PROGRAM, "module", MODULE)
        self.assertEqual([(stack[0], blocks) for stack, blocks, _ in samples], [("leak_in_module", 7)])

    def test_a_report_comes_however_the_program_ends(self):
        for how, status, words in (("exit", 9, "exit status 9"), ("abort", 134, "signal 6"), ("kill", 137, "signal 9"),
                                   ("exec", 9, "exit status 9")):
            with self.subTest(how):
                samples, done = self.leaked(PROGRAM, how, status=status)
                self.assertEqual([(stack[0], blocks) for stack, blocks, _ in samples], [("leak_blocks", 5)])
                self.assertIn(f" ended with {words}\n", done.stderr)

    def test_a_double_free_is_told_and_not_executed(self):
        done = self.watched(PROGRAM, "double")
        self.assertEqual((done.returncode, done.stdout), (0, "done\n"), done.stderr)
        self.assertEqual(self.counters(done)["untracked"], 1)
        self.assertRegex(done.stderr, r"1 x double free, last of 0x[0-9a-f]+\n(?:.*\n)*?.* main\+0x")

    def test_a_free_inside_a_block_ends_the_program_as_it_does_alone(self):
        for size in (128, 20000):
            for offset in (16, 32, 48, 64):
                for interval in (1, 512 << 10):
                    with self.subTest(size=size, offset=offset, interval=interval):
                        done = self.watched(PROGRAM, "inside", size, offset, options=("--sample-interval", interval))
                        self.assertEqual((done.returncode, done.stdout), (134, ""), done.stderr)
                        self.assertIn("free(): invalid pointer", done.stderr)
                        self.assertIn("1 x foreign free", done.stderr)

    def test_blocks_of_another_allocator_go_back_to_it(self):
        done = self.watched(OTHER_ALLOCATOR)
        self.assertEqual((done.returncode, done.stdout), (0, "done\n"), done.stderr)
        counters = self.counters(done)
        self.assertEqual(counters["untracked"], 2, done.stderr)  # one freed, one moved
        self.assertGreaterEqual(counters["allocated"], 5100)

    def test_a_program_that_defines_malloc_is_said_not_to_be_seen(self):
        done = self.watched(OWN_MALLOC)
        self.assertEqual((done.returncode, done.stdout), (0, "done\n"), done.stderr)
        self.assertIn("heapwatch: this program has a malloc of its own; what it allocates is not seen\n", done.stderr)

    def test_the_estimate_is_right(self):
        report = self.folder / "heap.pb.gz"
        done = self.watched("/usr/bin/python3", "-c",
                            "import ctypes\nm=ctypes.CDLL(None).malloc\nm.restype=ctypes.c_void_p\n"
                            "[m(1 + i * 7919 % 8000) for i in range(130000)]",
                            options=("--sample-interval", "131072", "--report", report))
        exact = self.counters(done)["inuse"]
        top = subprocess.run(["go", "tool", "pprof", "-top", "-unit=b", "-symbolize=none", str(report)], timeout=60,
                             capture_output=True, text=True, env=clean_environment(), check=True).stdout
        estimated = int(re.search(r"of (\d+)B total", top)[1])
        self.assertAlmostEqual(estimated / exact, 1, delta=0.08)  # one sigma is 1.6 %

    def test_sites_are_estimated_and_read_alike(self):
        report = self.folder / "heap.pb.gz"
        self.watched(PROGRAM, "sites", options=("--report", report))
        tops = []
        for reader in (("go", "tool", "pprof"), (HEAPWATCH, "pprof")):
            text = subprocess.run([*reader, "-top", "-unit=b", "-symbolize=none", str(report)], timeout=60,
                                  capture_output=True, text=True, env=clean_environment(), check=True).stdout
            tops.append({name: int(flat) for flat, name in re.findall(r"^ *(\d+)B .* (allocate_\w+)$", text, re.M)})
        self.assertEqual(*tops)
        sites = {"allocate_large": (800, 0.03), "allocate_middle": (160, 0.10), "allocate_small": (64, 0.20)}  # 6 sigma each
        for site, (mebibytes, delta) in sites.items():
            self.assertAlmostEqual(tops[0][site] / (mebibytes << 20), 1, delta=delta, msg=site)
        self.assertAlmostEqual(sum(tops[0].values()) / (1024 << 20), 1, delta=0.02)

    def test_an_interval_of_one_takes_every_block(self):
        """Also tiny and empty ones, and those of libstdc++, whose constructors come before the library's."""
        report = self.folder / "heap.pb.gz"
        for what in ("threads", "small"):
            done = self.watched(PROGRAM, what, options=("--sample-interval", "1", "--report", report))
            counters = self.counters(done)
            raw = subprocess.run(["go", "tool", "pprof", "-raw", "-symbolize=none", "-tagfocus=space=native", str(report)],
                                 timeout=60, capture_output=True, text=True, env=clean_environment(), check=True).stdout
            values = [list(map(int, found.split())) for found in re.findall(r"^ +((?:\d+ +){3}\d+): ", raw, re.M)]
            self.assertEqual([sum(column) for column in zip(*values)],
                             [counters[name] for name in ("allocations", "allocated", "blocks", "inuse")])

    def serve(self, listen):
        process = subprocess.Popen([HEAPWATCH, "exec", "--listen", listen, "--sample-interval", "1", "--", PROGRAM,
                                    "serve"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                   text=True, env=clean_environment())
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.stderr.close)
        self.assertEqual(process.stdout.readline(), "ready\n")
        wait_until(lambda: self.is_watched(listen), "the program among the watched ones")
        return process

    def is_watched(self, listen):
        """False while the program's greeting is on its way."""
        if listen.startswith("unix:"):
            return " 503 " not in self.over_unix(listen.removeprefix("unix:"), "GET /debug/vars HTTP/1.1\r\n\r\n")[0]
        try:
            return fetch(f"http://{listen}/debug/vars") != ""
        except urllib.error.HTTPError as error:
            return error.code != 503

    def order(self, process, blocks):
        process.stdin.write(f"{blocks}\n")
        process.stdin.flush()
        self.assertEqual(process.stdout.readline(), "ok\n")

    def finish(self, process):
        process.stdin.close()
        self.assertEqual(process.wait(timeout=60), 0)
        self.assertIn("not freed", process.stderr.read())

    def test_pages_while_it_runs(self):
        port = free_port()
        process = self.serve(f"127.0.0.1:{port}")
        base = f"http://127.0.0.1:{port}"
        self.order(process, 0)  # its buffer of stdin is there now
        page = json.loads(fetch(f"{base}/debug/vars"))
        self.assertEqual(list(page["rtloader"]), ["AllocatedBytes", "Allocations", "FreedBytes", "Frees", "InuseBytes",
                                                  "UntrackedFrees"])
        self.assertEqual(page["process"]["name"], "preload_program")
        self.order(process, 30)
        later = json.loads(fetch(f"{base}/debug/vars?pid={page['process']['pid']}"))
        self.assertEqual(later["rtloader"]["Allocations"] - page["rtloader"]["Allocations"], 30)
        self.assertEqual(list(later["processes"].values())[0]["alive"], True)
        text = fetch(f"{base}/debug/pprof/heap?debug=1")
        self.assertRegex(text, r"(?m)^30: 370350 \[30: 370350\] @( 0x[0-9a-f]+)+\n#\t0x[0-9a-f]+ leak_blocks\+0x")
        report = subprocess.run(["go", "tool", "pprof", "-top", "-symbolize=none", f"{base}/debug/pprof/heap"],
                                capture_output=True, text=True, timeout=60,
                                env=clean_environment(PPROF_TMPDIR=str(self.folder)), check=True).stdout
        self.assertTrue(report.startswith("File: preload_program\n"), report)
        self.assertRegex(report, r"482\.23kB .* leak_blocks\n")
        for path, status, words in (("/debug/vars?pid=1", 404, "no process 1; "), ("/debug/vars?pid=x", 404, "pid must be"),
                                    ("/other", 404, "not found; pages here: ")):
            with self.assertRaises(urllib.error.HTTPError) as caught:
                fetch(base + path)
            self.assertEqual(caught.exception.code, status)
            self.assertIn(words, caught.exception.read().decode())
        listed = listed_pages(f"{base}/")
        self.assertEqual(listed, documented_pages("native-memory.md", "serves these pages"))
        help_text = subprocess.run([HEAPWATCH, "exec", "--help"], capture_output=True, text=True, check=True).stdout
        named = set(re.findall(r"/debug/[\w/]+", " ".join(help_text.split())))
        self.assertGreater(len(named), 0)
        self.assertEqual(named - set(listed), set())
        self.finish(process)

    def over_unix(self, path, request):
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(30)
            connection.connect(str(path))
            connection.sendall(request.encode())
            answer = b""
            while piece := connection.recv(65536):
                answer += piece
        head, body = answer.split(b"\r\n\r\n", 1)
        return head.decode().splitlines()[0], body

    def test_pages_on_a_unix_socket_of_the_user_alone(self):
        path = self.folder / "pages.sock"
        process = self.serve(f"unix:{path}")
        self.assertEqual(stat.S_IMODE(path.stat().st_mode), 0o600)
        status, body = self.over_unix(path, "GET /debug/vars HTTP/1.1\r\nHost: x\r\n\r\n")
        self.assertEqual(status, "HTTP/1.1 200 OK")
        self.assertGreater(json.loads(body)["rtloader"]["InuseBytes"], 10 * 12345)
        status, body = self.over_unix(path, "GET /debug/pprof/heap?debug=1 HTTP/1.1\r\n\r\n")
        self.assertIn(b" leak_blocks+0x", body)
        self.assertEqual(self.over_unix(path, "PUT / HTTP/1.1\r\n\r\n")[0], "HTTP/1.1 405 Method Not Allowed")
        self.finish(process)
        self.assertFalse(path.exists())

    def test_a_signal_reaches_the_program(self):
        process = subprocess.Popen([HEAPWATCH, "exec", "--", PROGRAM, "term"], stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, text=True, env=clean_environment())
        self.assertEqual(process.stdout.readline(), "ready\n")
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 128 + signal.SIGTERM)
        self.assertIn(" ended with signal 15\n", errors)

    def test_what_cannot_be_run_or_watched_is_said(self):
        done = self.watched("/nonexistent/program")
        self.assertEqual((done.returncode, done.stderr),
                         (127, "heapwatch: cannot run /nonexistent/program: No such file or directory\n"))
        done = self.watched("true", options=("--listen", "unix:" + "x" * 200))
        self.assertEqual(done.returncode, 1)
        self.assertIn("the path of a unix socket has 1 to 107 bytes", done.stderr)
        done = self.watched("true", options=("--report", self.folder / "missing" / "report"))
        self.assertEqual(done.returncode, 1)
        self.assertEqual(done.stderr, f"heapwatch: cannot write {self.folder}/missing/report: No such file or directory\n")
        done = self.watched("echo", "run", options=("--report", self.folder))
        self.assertEqual((done.returncode, done.stdout, done.stderr),
                         (1, "", f"heapwatch: cannot write {self.folder}: Is a directory\n"))
        for option in ("--report", "--listen"):
            done = self.watched("echo", "run", options=(option, ""))
            self.assertEqual((done.returncode != 0, done.stdout), (True, ""))
            self.assertIn(f"{option}: must not be empty", done.stderr)
        done = self.watched("env", "-i", PROGRAM, "exit")
        self.assertEqual(done.returncode, 9)
        if shutil.which("busybox"):
            done = self.watched("busybox", "true")
            self.assertIn("was not watched", done.stderr)

    def test_the_summary_says_what_its_estimates_are_worth(self):
        done = self.watched(PROGRAM, "exit", options=("--sample-interval", "20000"))
        self.assertRegex(done.stderr, r"held by \(estimated from \d+ samples?, one per 19\.5 KiB; --sample-interval 1 takes "
                                      r"every block\):\n|untracked frees: 0\n$")
        done = self.watched(PROGRAM, "threads", options=("--sample-interval", "5000"))
        self.assertRegex(done.stderr, r"held by \(estimated from \d+ samples, one per 4\.9 KiB[;)]")
        done = self.watched(PROGRAM, "exit", options=("--sample-interval", "1"))
        self.assertRegex(done.stderr, r"held by:\n(?:heapwatch: .*\n)*?heapwatch:     60\.3 KiB in 5 blocks\nheapwatch:       0x[0-9a-f]+ leak_blocks\+")

    def test_nothing_of_ours_stays_behind(self):
        done = self.watched("sh", "-c", f"ls /proc/self/fd | wc -l; ls -A {self.folder} | wc -l",
                            options=())
        alone = subprocess.run(["sh", "-c", f"ls /proc/self/fd | wc -l; ls -A {self.folder} | wc -l"],
                               capture_output=True, text=True, check=True)
        self.assertEqual(done.stdout, alone.stdout)


if __name__ == "__main__":
    HEAPWATCH, PROGRAM, MODULE, OTHER_ALLOCATOR, OWN_MALLOC = sys.argv[1:6]
    HEAPWATCH = pathlib.Path(HEAPWATCH)
    del sys.argv[1:6]
    unittest.main()
