"""heapwatch attach over real programs: what it says, what it refuses, and that they go on."""
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "testing"))
from agent import clean_environment, fetch, wait_until  # noqa: E402
from started import StartedTest  # noqa: E402

HEAPWATCH = TARGET = GO_TARGET = LINKED_JEMALLOC = ""


class AttachTest(StartedTest):
    def end(self, program):
        return program.communicate(timeout=60)[0]

    def heapwatch(self, *arguments, status=0):
        done = subprocess.run([HEAPWATCH, *map(str, arguments)], capture_output=True, text=True, timeout=120,
                              env=clean_environment(), check=False)
        self.assertEqual(done.returncode, status, done.stderr)
        return done

    def test_it_attaches_reports_and_lets_go(self):
        program = self.start(TARGET, "calm", 2)
        report = self.folder / "heap.pb.gz"
        for _ in range(2):
            done = self.heapwatch("attach", program.pid, "--for", "1s", "--sample-interval", 4096, "--report", report)
            self.assertRegex(done.stderr, rf"attached to process {program.pid} \(attach_target\); a thread stood still for")
            self.assertRegex(done.stderr, r"untracked frees: 0\n")
            self.assertRegex(done.stderr, r"turn\+0x\w+ \S*target_program.c")
            self.assertIn(f"detached from process {program.pid} (attach_target)\n", done.stderr)
            self.assertGreater(report.stat().st_size, 1000)
        self.assertIn(f"{program.pid}\tattach_target\tdormant\n", self.heapwatch("attach", "--list").stdout)
        self.assertIn("nobody is attached to", self.heapwatch("detach", program.pid).stderr)
        self.assertRegex(self.end(program), r"^checked [1-9]\d*\n$")

    def test_an_allocator_that_is_linked_in_is_said_not_to_be_seen(self):
        sentence = "allocates with the jemalloc that is linked into it is not seen; heapwatch memory tells how much it holds"
        program = subprocess.Popen([HEAPWATCH, "exec", "--", LINKED_JEMALLOC, "1"], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                   text=True, env=clean_environment())
        self.addCleanup(program.communicate)
        self.addCleanup(program.terminate)
        self.assertEqual(program.stderr.readline(), f"heapwatch: what {LINKED_JEMALLOC} {sentence}\n")
        program = subprocess.Popen([LINKED_JEMALLOC, "1"], stdout=subprocess.PIPE, text=True, env=clean_environment())
        self.addCleanup(program.communicate)
        self.addCleanup(program.kill)
        wait_until(lambda: program.stdout.readline() == "ready\n", "the program to hold its memory")
        done = self.heapwatch("attach", program.pid, "--for", "1s")
        self.assertIn(f"heapwatch: what process {program.pid} (memory_linked_j) {sentence}\n", done.stderr)
        # What is ours beside what is jemalloc's.
        for check in json.loads(self.heapwatch("memory", program.pid, "--json").stdout)["checks"]:
            self.assertTrue(check["ok"], check)

    def test_its_pages_are_served_and_a_signal_ends_it(self):
        program = self.start(TARGET, "calm", 2)
        attached = subprocess.Popen([HEAPWATCH, "attach", str(program.pid), "--listen", "127.0.0.1:0"], stderr=subprocess.PIPE,
                                    text=True, env=clean_environment())
        self.addCleanup(attached.stderr.close)
        said = attached.stderr.readline() + attached.stderr.readline()
        url = re.search(r"pages at (http://\S+)/debug/vars", said).group(1)

        def older_frees():
            return json.loads(fetch(url + "/debug/vars"))["memtrack"]["older_frees"]
        wait_until(lambda: older_frees() > 100, "older frees")
        self.assertIn(f"{program.pid}\tattach_target\tattached\n", self.heapwatch("attach", "--list").stdout)
        rows = json.loads(self.heapwatch("memory", program.pid, "--json").stdout)["rows"]
        by_space = {space: sum(row["bytes"] for row in rows if row["space"] == space) for space in ("own", "unexplained")}
        self.assertGreater(by_space["own"], 200_000, rows)
        self.assertLess(by_space["unexplained"], 64_000, rows)
        attached.send_signal(signal.SIGINT)
        self.assertEqual(attached.wait(timeout=60), 0)
        self.assertRegex(self.end(program), r"^checked [1-9]\d*\n$")

    def test_what_was_left_is_let_go(self):
        program = self.start(TARGET, "calm", 2)
        attached = subprocess.Popen([HEAPWATCH, "attach", str(program.pid)], stderr=subprocess.PIPE, text=True,
                                    env=clean_environment() | {"TMPDIR": str(self.folder)})
        self.addCleanup(attached.stderr.close)
        self.assertIn("attached to", attached.stderr.readline())
        attached.kill()
        attached.wait()
        self.assertIn(f"{program.pid}\tattach_target\tattached\n", self.heapwatch("attach", "--list").stdout)
        self.assertIn("detached from", self.heapwatch("detach", program.pid).stderr)
        self.assertIn(f"{program.pid}\tattach_target\tdormant\n", self.heapwatch("attach", "--list").stdout)
        self.assertRegex(self.end(program), r"^checked [1-9]\d*\n$")

    def test_a_dry_run_says_what_would_be_done_and_does_nothing(self):
        program = self.start(TARGET, "calm", 2)
        done = self.heapwatch("attach", "--dry-run", program.pid)
        self.assertRegex(done.stdout, rf"^process {program.pid} \(attach_target\) can be attached to\n  stop: one of 3 threads")
        self.assertNotIn("heapwatch", pathlib.Path(f"/proc/{program.pid}/maps").read_text())
        program.send_signal(signal.SIGSTOP)
        wait_until(lambda: "\nState:\tT" in pathlib.Path(f"/proc/{program.pid}/status").read_text(), "the stop")
        done = self.heapwatch("attach", "--dry-run", program.pid, status=1)
        self.assertIn("it is stopped by a signal\n  what helps: let it go on", done.stderr)
        program.send_signal(signal.SIGCONT)
        self.assertRegex(self.end(program), r"^checked [1-9]\d*\n$")

    def test_a_dormant_library_is_switched_on_instead(self):
        program = self.start(HEAPWATCH, "exec", "--dormant", "--children", "none", "--", TARGET, "calm", 1)
        child = int(pathlib.Path(f"/proc/{program.pid}/task/{program.pid}/children").read_text().split()[0])
        done = self.heapwatch("attach", child, "--for", "1s")
        self.assertIn("has our library loaded; its accounting is on", done.stderr)
        self.assertNotIn("heapwatch library", pathlib.Path(f"/proc/{child}/maps").read_text())
        self.assertRegex(self.end(program), r"^checked [1-9]\d*\n$")

    def test_a_container_with_a_root_of_its_own(self):
        # Its own mounts and processes; the folder of the library is not to be seen there, its root is read only.
        library = pathlib.Path(HEAPWATCH).resolve().parents[1] / "preload"
        script = ('mount --rbind / /mnt && mount -t tmpfs none "/mnt$1" && mount -o remount,bind,ro /mnt && exec chroot /mnt "$2" calm 2')
        program = self.start("unshare", "--mount", "--pid", "--fork", "--mount-proc", "sh", "-c", script, "sh", library, TARGET)
        child = int(pathlib.Path(f"/proc/{program.pid}/task/{program.pid}/children").read_text().split()[0])
        self.assertNotEqual(pathlib.Path(f"/proc/{child}/root").stat().st_dev, 0)
        for _ in range(2):
            done = self.heapwatch("attach", child, "--for", "1s", "--sample-interval", 4096)
            self.assertIn("untracked frees: 0", done.stderr)
            self.assertRegex(done.stderr, r"turn\+0x\w+ \S*target_program.c")
            self.assertIn(f"detached from process {child} (attach_target)\n", done.stderr)
        self.assertRegex(self.end(program), r"^checked [1-9]\d*\n$")

    def test_each_is_noted_in_the_log_with_who_and_whom(self):
        # What listens for the log in a mount namespace of its own.
        program = self.start(TARGET, "calm", 1)
        listener = ("import os, socket, subprocess, sys\n"
                    "log = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); log.bind('/dev/log')\n"
                    "done = subprocess.run(sys.argv[1:], stderr=subprocess.PIPE)\n"
                    "log.setblocking(False)\n"
                    "try:\n"
                    "    while True: print(log.recv(4096).decode())\n"
                    "except BlockingIOError: pass\n"
                    "print('status', done.returncode)\n")
        script = ('mount -t tmpfs none /dev && mknod -m 666 /dev/null c 1 3 && mknod -m 666 /dev/urandom c 1 9 && exec "$@"')
        done = subprocess.run(["unshare", "--mount", "sh", "-c", script, "sh", sys.executable, "-c", listener, HEAPWATCH, "attach",
                               str(program.pid), "--for", "1s"], capture_output=True, text=True, timeout=120, env=clean_environment(),
                              check=True)
        said = done.stdout.splitlines()
        self.assertEqual(said[-1], "status 0", done)
        who = f"process {program.pid} (attach_target), of user {os.getuid()}, by user {os.getuid()}"
        self.assertRegex(said[0], rf"heapwatch\[\d+\]: attaches to {re.escape(who)}")
        self.assertRegex(said[1], rf"heapwatch\[\d+\]: has detached from {re.escape(who)}")

    def test_what_is_meant_must_be_one_process(self):
        self.assertIn("attach needs a process", self.heapwatch("attach", status=1).stderr)
        self.assertIn("is the first process of the system", self.heapwatch("attach", 1, status=1).stderr)

    def go_program(self):
        """It holds 30 MiB in Go; its address."""
        program = subprocess.Popen([GO_TARGET], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=clean_environment())
        self.addCleanup(lambda: (program.communicate(), program.wait()))
        url = program.stdout.readline().strip()
        for _ in range(30):
            fetch(url + "/hold")
        for _ in range(2):
            fetch(url + "/gc")
        return program, url

    def test_go_is_in_the_pages_that_are_served(self):
        program, url = self.go_program()
        attached = subprocess.Popen([HEAPWATCH, "attach", str(program.pid), "--url", url, "--listen", "127.0.0.1:0"],
                                    stderr=subprocess.PIPE, text=True, env=clean_environment())
        self.addCleanup(attached.stderr.close)
        said = attached.stderr.readline() + attached.stderr.readline()
        pages = re.search(r"pages at (http://\S+)/debug/vars", said).group(1)

        def traces(which):
            return subprocess.run(["go", "tool", "pprof", "-traces", "-symbolize=none", pages + which], timeout=120, capture_output=True,
                                  text=True, env=clean_environment(PPROF_TMPDIR=str(self.folder)), check=True).stdout
        heap = traces("/debug/pprof/heap")
        self.assertRegex(heap, r"space: +go\n(.*\n)* .*main\.main\.func")
        # A difference has none of it.
        self.assertNotRegex(traces("/debug/pprof/heap?seconds=1"), r"space: +go\n")

        def kinds():
            try:
                return {one["kind"] for one in json.loads(fetch(f"{pages}/api/v1/suspects/{program.pid}"))["profiles"]}
            except OSError:
                return set()
        wait_until(lambda: "go" in kinds(), "the profile of Go on the live page", patience_s=150)
        attached.send_signal(signal.SIGINT)
        self.assertEqual(attached.wait(timeout=150), 0)

    def test_go_tells_of_its_own_heap_by_its_address(self):
        program, url = self.go_program()
        report, flame = self.folder / "heap.pb.gz", self.folder / "flame.html"
        said = self.heapwatch("attach", program.pid, "--url", url, "--for", "1s", "--report", report, "--flame", flame).stderr
        self.assertRegex(said, r"in Go's own heap, by its profile: \d{8} bytes in \d+ objects\n"
                               r"heapwatch:     \d{8} bytes in \d+ objects\nheapwatch:       main\.main\.func\d+ \S*main\.go:\d+\n")
        text = subprocess.run(["go", "tool", "pprof", "-top", "-unit=b", "-symbolize=none", "-tagfocus=space=go$", str(report)],
                              timeout=60, capture_output=True, text=True, env=clean_environment(), check=True).stdout
        held = re.search(r"^ *(\d+)B .* main\.main\.func", text, re.M)
        self.assertGreaterEqual(int(held[1]), 20 << 20, text)  # Go samples: of 30 blocks of a MiB it notes 26, give or take 2
        self.assertIn("main.main.func", flame.read_text())
        # Without an answer the rest is told all the same.
        said = self.heapwatch("attach", program.pid, "--url", "127.0.0.1:1", "--for", "1s", status=1).stderr
        self.assertIn("Go's heap is left out: ", said)
        self.assertIn("detached from", said)

    def test_python_goes_on(self):
        code = ("import json,sys,threading,time\n"
                "stop = False\n"
                "def work():\n"
                "    while not stop:\n"
                "        text = json.dumps([bytearray(2000).hex() for _ in range(20)]); time.sleep(0.001)\n"
                "        assert len(json.loads(text)) == 20\n"
                "threads = [threading.Thread(target=work) for _ in range(2)]\n"
                "[t.start() for t in threads]\n"
                "print('ready', flush=True)\n"
                "sys.stdin.read(); stop = True\n"
                "[t.join() for t in threads]; print('well')\n")
        program = self.start(sys.executable, "-c", code)
        for _ in range(2):
            self.assertIn("untracked frees: 0", self.heapwatch("attach", program.pid, "--for", "1s").stderr)
        self.assertEqual(self.end(program), "well\n")


if __name__ == "__main__":
    HEAPWATCH, TARGET, GO_TARGET, LINKED_JEMALLOC = sys.argv[1:5]
    unittest.main(argv=sys.argv[:1] + sys.argv[5:])
