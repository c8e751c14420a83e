"""heapwatch memory over programs that people run: rows that add up to RSS, and next to nothing unexplained."""
import json
import os
import pathlib
import pwd
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "testing"))
from agent import clean_environment, free_port, wait_until  # noqa: E402

HEAPWATCH = THREE_RUNTIMES = GO_SERVER = LOAD_PROGRAM = ""
PAGE = 4096
NUMPY = """
import sys, numpy
matrix = numpy.ones((700, 700))
words = {str(i): [i] for i in range(50000)}
inverse = numpy.linalg.inv(matrix + numpy.eye(700))
print("ready", flush=True)
sys.stdin.read()
"""
NODE = """
const keep = [];
for (let i = 0; i < 100000; i++) keep.push({name: "object " + i, at: [i]});
const buffers = Array.from({length: 10}, () => Buffer.alloc(1 << 20, 1));
console.log("ready");
process.stdin.resume();
"""
RUBY = """
keep = (0...100000).map { |i| {"name" => "object #{i}"} }
puts "ready"
STDOUT.flush
STDIN.read
"""
PHP = """
$keep = [];
for ($i = 0; $i < 50000; $i++) $keep[] = ["name" => "object $i"];
echo "ready\\n";
fgets(STDIN);
"""
C = r"""
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
static char* keep[20000];
int main(void) {
  for (int i = 0; i < 20000; ++i) {
    const size_t size = 16 + rand() % 900;
    keep[i] = malloc(size);
    memset(keep[i], 1, size);
  }
  free(keep[1]);
  puts("ready");
  fflush(stdout);
  getchar();
  return keep[0] == keep[1];
}
"""


def looked_at(*arguments):
    done = subprocess.run([HEAPWATCH, "memory", *map(str, arguments), "--json"], capture_output=True, text=True, timeout=120,
                          env=clean_environment(), check=False)
    if done.returncode != 0:
        raise AssertionError(done.stderr)
    return json.loads(done.stdout)


def sum_of(page, **wanted):
    return sum(row["bytes"] for row in page["rows"] if all(row[key] == value for key, value in wanted.items()))


def children_of(pid):
    return [int(one) for one in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def cpu_ticks(pid):
    return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]


def wait_until_idle(pid):
    """What begins by itself at a start (a collector, a thread that cleans up) has ended."""
    ticks = [None]

    def is_idle():
        before, ticks[0] = ticks[0], cpu_ticks(pid)
        time.sleep(0.15)
        return before == ticks[0]

    wait_until(is_idle, "the program to be idle")


class Program:
    """A program that serves, or says "ready" and waits for the end of its input."""

    def __init__(self, *command, ready="ready", user=None, cwd=None, environment=None):
        self.process = subprocess.Popen([str(one) for one in command], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.DEVNULL, text=True, user=user, cwd=cwd,
                                        env={**clean_environment(), **(environment or {})})
        self.pid = self.process.pid
        try:
            while ready is not None:
                line = self.process.stdout.readline()
                if not line:
                    raise AssertionError(f"{command[0]} ended")
                if line.strip() == ready:
                    break
        except BaseException:
            self.stop()
            raise

    def ask(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().strip()

    def stop(self):
        self.process.terminate()
        try:
            self.process.communicate(timeout=20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.communicate()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


class Folder:
    """A temporary folder that a user of this machine may write to."""

    def __init__(self, user=None):
        self.path = pathlib.Path(tempfile.mkdtemp(prefix="heapwatch-"))
        if user is not None:
            os.chown(self.path, pwd.getpwnam(user).pw_uid, -1)

    def __enter__(self):
        return self.path

    def __exit__(self, *_):
        shutil.rmtree(self.path, ignore_errors=True)


class ProgramsTest(unittest.TestCase):
    maxDiff = None

    def explained(self, pid, share, *options):
        """One look's page, whose rows add up; unexplained is less than this share of it, or two pages."""
        wait_until_idle(pid)
        page = looked_at(pid, *options)
        rows = sum(row["bytes"] for row in page["rows"])
        self.assertLessEqual(abs(rows - page["rss_bytes"]), page["rss_uncertainty_bytes"])
        self.assertEqual([check for check in page["checks"] if not check["ok"]], [])
        self.assertEqual(page["missing"], [])
        unexplained = sum_of(page, space="unexplained")
        print(f"{page['command']}: RSS {page['rss_bytes'] >> 10} K, unexplained {unexplained >> 10} K, "
              f"{100 * unexplained / page['rss_bytes']:.3f} %", flush=True)
        self.assertLessEqual(unexplained, max(page["rss_bytes"] * share, 2 * PAGE), page["unexplained"])
        return page

    def test_three_runtimes_in_one_process(self):
        with Program(THREE_RUNTIMES) as program:
            before = self.explained(program.pid, 0.005, "--types")
            self.assertGreater(sum_of(before, space="go", state="live"), 40000 * 208)
            self.assertGreater(sum_of(before, space="native", state="live"), 3000 * 3009)
            self.assertGreater(sum_of(before, space="python", state="live"), 20000 * 64)
            samples = {one["name"]: one["objects"] for one in before["types"] if one["space"] == "python"}["Sample"]
            self.assertEqual(samples, 20000)
            for runtime, space in (("go", "go"), ("c", "native"), ("python", "python")):
                before = looked_at(program.pid)
                self.assertEqual(program.ask(f"{runtime} 8000"), "done")
                after = self.explained(program.pid, 0.005)
                grown = {one: sum_of(after, space=one, state="live") - sum_of(before, space=one, state="live")
                         for one in ("go", "native", "python")}
                self.assertEqual(max(grown, key=grown.get), space, grown)
                others = sum(bytes for one, bytes in grown.items() if one != space)
                self.assertLess(others, grown[space] / 3, grown)

    def test_what_c_lost_in_a_process_of_three_runtimes_is_told(self):
        with Program(THREE_RUNTIMES) as program:
            self.assertEqual(program.ask("lost 500"), "done")
            page = looked_at(program.pid, "--reach")
            lost = {one["name"]: one["blocks"] for one in page["reach"]["groups"]}
            # Stale words, on a stack or in memory that was freed, keep some.
            self.assertGreaterEqual(lost.get("blocks of 3024 bytes", 0), 475, lost)
            self.assertLessEqual(lost["blocks of 3024 bytes"], 500)
            self.assertGreater(page["cost"]["stopped_ms"], 0)
            self.assertEqual(program.ask("c 1"), "done")

    def test_a_leak_of_c_is_told_as_one_of_c_while_other_threads_of_c_never_rest(self):
        with Program(THREE_RUNTIMES) as program:
            self.assertEqual(program.ask("churn 3"), "done")
            before = looked_at(program.pid)
            self.assertEqual(program.ask("c 16000"), "done")
            after = looked_at(program.pid)
            grown = {space: sum_of(after, space=space) - sum_of(before, space=space)
                     for space in ("go", "native", "python", "unexplained")}
            self.assertGreater(grown["native"], 16000 * 3009 * 0.8, grown)
            for space in ("go", "python", "unexplained"):
                self.assertLess(abs(grown[space]), 2 << 20, grown)

    def test_the_heap_of_a_busy_program_is_glibcs_whether_heapwatch_watches_it_or_not(self):
        for start in ([], [HEAPWATCH, "exec", "--"]):
            with Program(*start, LOAD_PROGRAM, "random", "4") as program:
                pid = (children_of(program.pid) or [program.pid])[0]
                for _ in range(5):
                    page = looked_at(pid)
                    notes = [check["note"] for check in page["checks"] if check["reader"] == "glibc"]
                    self.assertEqual(len(notes), 1)
                    self.assertRegex(notes[0], "5 arenas walked|was not walked")
                    self.assertEqual(sum_of(page, owner="brk heap"), 0, notes)
                    self.assertLess(sum_of(page, space="unexplained"), page["rss_bytes"] * 0.05 + page["rss_uncertainty_bytes"])

    def test_whoever_pauses_it_may_be_killed_at_any_moment(self):
        def state_of(pid):
            status = dict(line.split(":\t", 1) for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines())
            children = [child for task in pathlib.Path(f"/proc/{pid}/task").iterdir()
                        for child in (task / "children").read_text().split()]
            return children, status["TracerPid"]

        with Program(THREE_RUNTIMES) as program:
            for step in range(25):
                look = subprocess.Popen([HEAPWATCH, "memory", str(program.pid), "--reach"], stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL, env=clean_environment())
                # From before the stop to after the end.
                time.sleep(0.02 * step)
                look.kill()
                look.wait()
                wait_until(lambda: state_of(program.pid) == ([], "0"), "the twin to be gone")
                for runtime in ("go", "c", "python"):
                    self.assertEqual(program.ask(f"{runtime} 1"), "done")

    def test_a_process_that_hidepid_hides_is_named(self):
        if os.geteuid() != 0:
            self.skipTest("needs root, to mount another /proc")
        with Program("/bin/sh", "-c", "echo ready; read line") as program:
            script = ('mount -t proc -o hidepid=2 proc /proc && exec setpriv --reuid 65534 --regid 65534 --clear-groups '
                      '"$0" memory "$1"')
            done = subprocess.run(["unshare", "-m", "sh", "-c", script, HEAPWATCH, str(program.pid)], capture_output=True,
                                  text=True, timeout=60, env=clean_environment(), check=False)
            if "Permission denied" in done.stderr or "mount:" in done.stderr:
                self.skipTest(f"this machine forbids it: {done.stderr}")
            self.assertEqual((done.returncode, done.stdout), (1, ""))
            self.assertRegex(done.stderr, f"^heapwatch: process {program.pid} belongs to another user and /proc hides it")

    def test_in_a_pid_namespace_a_process_is_seen_under_both_of_its_numbers(self):
        if os.geteuid() != 0:
            self.skipTest("needs root, to make a PID namespace")
        script = 'sleep 1000 & "$0" memory $! --json; kill $!'
        done = subprocess.run(["unshare", "-p", "-f", "--mount-proc", "sh", "-c", script, HEAPWATCH], capture_output=True,
                              text=True, timeout=60, env=clean_environment(), check=False)
        if "unshare:" in done.stderr:
            self.skipTest(f"this machine forbids it: {done.stderr}")
        page = json.loads(done.stdout)
        self.assertLess(page["pid"], 20)
        self.assertEqual(page["missing"], [])
        self.assertEqual(sum(row["bytes"] for row in page["rows"]), page["rss_bytes"])
        # And from outside.
        with Program("unshare", "-p", "-f", "--mount-proc", "sh", "-c", "echo ready; read line") as program:
            [inner] = children_of(program.pid)
            page = looked_at(inner)
            self.assertEqual((page["pid"], page["missing"]), (inner, []))

    def test_what_heapwatch_itself_has_in_a_program_is_a_row(self):
        script = 'x = [bytearray(2000) for _ in range(20000)]; print("ready", flush=True); input()'
        with Program(HEAPWATCH, "exec", "--", "/usr/bin/python3", "-c", script) as program:
            [watched] = wait_until(lambda: children_of(program.pid), "the program") if children_of(program.pid) else [program.pid]
            page = self.explained(watched, 0.002)
            self.assertGreater(sum_of(page, space="own", owner="memtrack"), 1 << 20)
            self.assertEqual(sum_of(page, space="unexplained"), 0)

    def test_redis(self):
        with Folder() as folder:
            socket = folder / "socket"
            with Program("redis-server", "--port", "0", "--unixsocket", socket, "--save", "", "--dir", folder,
                         "--enable-debug-command", "yes", ready=None) as program:
                client = ["redis-cli", "-s", str(socket)]
                wait_until(lambda: subprocess.run([*client, "ping"], capture_output=True, check=False).stdout == b"PONG\n",
                           "redis to answer")
                subprocess.run([*client, "debug", "populate", "50000", "key", "200"], check=True, capture_output=True)
                page = self.explained(program.pid, 0.002)
                self.assertGreater(sum_of(page, owner="jemalloc"), 50000 * 200)

    def test_nginx(self):
        with Folder() as folder:
            (folder / "nginx.conf").write_text(
                f"daemon off; worker_processes 1; pid {folder}/pid; error_log {folder}/error.log;\n"
                "events {}\n"
                f"http {{ access_log off; client_body_temp_path {folder}/b; proxy_temp_path {folder}/p; "
                f"fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;\n"
                f"server {{ listen 127.0.0.1:{free_port()}; root {folder}; }} }}\n")
            with Program("/usr/sbin/nginx", "-c", folder / "nginx.conf", "-e", folder / "error.log", ready=None) as program:
                [worker] = wait_until(lambda: children_of(program.pid), "nginx's worker")
                wait_until_idle(worker)
                self.explained(worker, 0.002)

    def test_node(self):
        with Program("node", "-e", NODE) as program:
            page = self.explained(program.pid, 0.002)
            self.assertGreater(sum_of(page, owner="V8"), 5 << 20)

    def test_java(self):
        # It asks for a password and waits.
        with Folder() as folder:
            with Program("keytool", "-J-Xmx64m", "-genkeypair", "-alias", "a", "-dname", "CN=a", "-keystore",
                         folder / "keys", ready=None) as program:
                wait_until(lambda: len(os.listdir(f"/proc/{program.pid}/task")) > 8, "the threads of Java")
                page = self.explained(program.pid, 0.002)
                self.assertGreater(sum_of(page, owner="Java"), 1 << 20)

    def test_ruby(self):
        with Program("ruby", "-e", RUBY) as program:
            self.explained(program.pid, 0.002)

    def test_python_with_numpy(self):
        with Program("/usr/bin/python3", "-c", NUMPY, environment={"OPENBLAS_NUM_THREADS": "2"}) as program:
            page = self.explained(program.pid, 0.002)
            self.assertGreater(sum_of(page, owner="pymalloc", state="live"), 50000 * 64)

    def test_a_go_server(self):
        with Program(GO_SERVER, ready=None) as program:
            program.process.stdout.readline()  # its address
            self.explained(program.pid, 0.002)

    def test_a_go_server_that_is_stripped(self):
        with Folder() as folder:
            (folder / "prometheus.yml").write_text("{}")
            port = free_port()
            with Program("prometheus", f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data",
                         f"--web.listen-address=127.0.0.1:{port}", ready=None) as program:
                wait_until(lambda: subprocess.run(["curl", "-sf", f"http://127.0.0.1:{port}/-/ready"], check=False,
                                                  capture_output=True).returncode == 0, "Prometheus to answer")
                page = self.explained(program.pid, 0.002)
                self.assertGreater(sum_of(page, space="go", state="live"), 1 << 20)

    def test_clang(self):
        with Program("clang", "-x", "c++", "-fsyntax-only", "-", ready=None) as program:
            program.process.stdin.write("int a;\n" * 200000)
            program.process.stdin.flush()
            self.explained(program.pid, 0.002)

    def test_gcc(self):
        with Folder() as folder:
            compiler = subprocess.run(["gcc", "-print-prog-name=cc1"], capture_output=True, text=True, check=True).stdout.strip()
            # It stands where it waits for the rest of what it compiles.
            os.mkfifo(folder / "rest.h")
            functions = "".join(f"int f{i}(int a) {{ while (a > {i}) {{ a -= 3; }} return a; }}\n" for i in range(20000))
            (folder / "a.c").write_text(functions + '#include "rest.h"\n')
            with Program(compiler, "-quiet", "-o", "/dev/null", folder / "a.c", ready=None) as program:
                # Opens once it has come there.
                with open(folder / "rest.h", "w", encoding="utf-8"):
                    page = self.explained(program.pid, 0.002)
                self.assertGreater(sum_of(page, space="native", owner="gcc's collector"), 10 << 20)

    def test_php(self):
        with Program("php", "-r", PHP) as program:
            page = self.explained(program.pid, 0.002)
            self.assertGreater(sum_of(page, owner="PHP"), 50000 * 56)

    def test_memcached(self):
        with Folder() as folder:
            user = ["-u", "nobody"] if os.geteuid() == 0 else []
            os.chmod(folder, 0o777)
            path = folder / "socket"
            with Program("memcached", *user, "-s", path, ready=None) as program:
                wait_until(path.exists, "memcached to listen")
                with socket.socket(socket.AF_UNIX) as client:
                    client.connect(str(path))
                    client.sendall(b"".join(b"set k%d 0 0 300 noreply\r\n%s\r\n" % (i, b"x" * 300) for i in range(20000)))
                    client.sendall(b"version\r\n")
                    self.assertTrue(client.recv(100).startswith(b"VERSION"))
                page = self.explained(program.pid, 0.002)
                self.assertGreater(sum_of(page, owner="glibc", state="live"), 20000 * 300)

    def test_programs_of_musl(self):
        with Folder() as folder:
            (folder / "a.c").write_text(C)
            for how in ([], ["-static"]):
                subprocess.run(["musl-gcc", "-O1", *how, "-o", folder / "a", folder / "a.c"], check=True, timeout=60)
                with Program(folder / "a") as program:
                    page = self.explained(program.pid, 0.002)
                    self.assertGreater(sum_of(page, owner="musl malloc"), 20000 * 400)

    def test_postgres(self):
        user = "postgres" if os.geteuid() == 0 else None
        folders = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin"))
        self.assertTrue(folders, "no PostgreSQL: scripts/setup installs it")
        programs = folders[-1]
        with Folder(user) as folder:
            subprocess.run([programs / "initdb", "-D", folder / "data", "-A", "trust", "-U", "postgres", "--no-sync"], check=True,
                           capture_output=True, user=user, cwd=folder, env=clean_environment(), timeout=120)
            with Program(programs / "postgres", "-D", folder / "data", "-k", folder, "-c", "listen_addresses=", "-F",
                         user=user, cwd=folder, ready=None) as postmaster:
                client = ["psql", "-h", str(folder), "-U", "postgres", "-Atq", "postgres"]
                wait_until(lambda: subprocess.run([*client, "-c", "select 1"], check=False, capture_output=True,
                                                  cwd="/").returncode == 0, "PostgreSQL to answer")
                with Program(*client, ready=None, cwd="/") as session:
                    session.ask("create table t as select g, repeat('x', 100) as x from generate_series(1, 20000) g; select 1;")
                    backend = int(session.ask("select pg_backend_pid();"))
                    page = self.explained(backend, 0.002)
                    self.assertGreater(sum_of(page, space="shared"), 1 << 20)
                self.explained(postmaster.pid, 0.002)


if __name__ == "__main__":
    HEAPWATCH, THREE_RUNTIMES, GO_SERVER, LOAD_PROGRAM = sys.argv[1:5]
    unittest.main(argv=sys.argv[:1])
