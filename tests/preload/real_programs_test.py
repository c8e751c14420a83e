"""Real programs run under heapwatch exec as they run alone: the same output, the same exit status, no untracked free."""
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "testing"))
from agent import clean_environment, fetch, free_port, wait_until  # noqa: E402

HEAPWATCH = ""
UNTRACKED = re.compile(r"untracked frees: (\d+)")

# What each does is small, and the same each time.
RUBY = "h = {}; 20000.times { |i| h[\"k#{i}\"] = [i] * 3 }; puts h.size; puts `echo child`"
PHP = "$a = []; for ($i = 0; $i < 20000; $i++) { $a[\"k$i\"] = str_repeat('x', $i % 50); } echo count($a), PHP_EOL; exit(3);"
NODE = "let a = []; for (let i = 0; i < 20000; i++) { a.push({i, s: 'x'.repeat(i % 50)}); } " \
       "console.log(JSON.stringify(a).length); process.exit(4);"
TCL = "for {set i 0} {$i < 5000} {incr i} { dict set d k$i [string repeat x [expr {$i % 50}]] }\nputs [dict size $d]\nexit 5\n"
C = "#include <stdio.h>\nint main(void) { printf(\"%d\\n\", 6 * 7); return 0; }\n"
FLASK = """import sys
from flask import Flask
app = Flask(__name__)
kept = []
@app.route("/")
def page():
    kept.append({"n": len(kept), "text": f"{len(kept):0400}"})
    return f"{len(kept)}\\n"
app.run(host="127.0.0.1", port=int(sys.argv[1]))
"""
COMMANDS = {
    "bash": ["bash", "-c", "for i in {1..200}; do a[$i]=$(( i * i )); done; echo ${a[200]} $(echo child); exit 9"],
    "sort": ["sh", "-c", "seq 20000 -1 1 | sort -n | tail -n 1"],
    "sed": ["sed", "-n", "s/^\\([a-z]*\\):.*/\\1/p", "/etc/passwd"],
    "find": ["find", "/etc", "-maxdepth", "1", "-name", "*.conf"],
    "tar": ["sh", "-c", "tar cf - -C /usr/share/common-licenses . | tar tf - | sort"],
    "gzip": ["sh", "-c", "seq 50000 | gzip | gunzip | cksum"],
    "xz": ["sh", "-c", "seq 50000 | xz -T2 | xz -d | cksum"],
    "git": ["git", "--version"],
    "gcc": ["gcc", "-O1", "-S", "-o", "-", "{folder}/program.c"],
    "g++": ["g++", "-fsyntax-only", "{folder}/program.c"],
    "make": ["make", "-f", "{folder}/Makefile", "-j2"],
    "openssl": ["openssl", "dgst", "-sha256", "/etc/passwd"],
    "curl": ["curl", "-s", "file:///etc/passwd"],
    "readelf": ["readelf", "-d", "/bin/true"],
    "sqlite3": ["sqlite3", ":memory:", "create table t(a); insert into t values(1),(2); select sum(a) from t;"],
    "jq": ["jq", "-n", "[range(5000)]|add"],
    "perl": ["perl", "-e", "my %h = map { $_ => [$_] } 1..20000; print scalar(keys %h), \"\\n\"; exit 8"],
    "go": ["go", "version"],
    "python3": ["/usr/bin/python3", "-c", "import json, re, subprocess, sys\n"
                "print(len(json.dumps({str(i): [i] for i in range(5000)})), subprocess.check_output(['echo', 'x']))\nsys.exit(2)"],
    "test.test_json": ["/usr/bin/python3", "-m", "test.test_json.test_dump"],
    "awk": ["awk", "BEGIN { for (i = 0; i < 20000; i++) a[i] = i \"x\"; print length(a[19999]) }"],
    "ruby": ["ruby", "-e", RUBY],
    "php": ["php", "-n", "-r", PHP],
    "node": ["node", "-e", NODE],
    "java": ["java", "-XX:TieredStopAtLevel=1", "-cp", "{folder}", "--list-modules"],
    "openssh": ["ssh-keygen", "-l", "-f", "{folder}/key.pub"],
}
# Where they are installed.
OPTIONAL = {
    "tclsh": ["tclsh", "{folder}/program.tcl"],
    "xmllint": ["xmllint", "--format", "{folder}/page.xml"],
    "gdb": ["gdb", "-batch", "-ex", "print 6 * 7"],
    "vim": ["vim", "-es", "-u", "NONE", "-c", "put =range(1,100)", "-c", "%print", "-c", "cq 3"],
}


class RealProgramsTest(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        self.folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        files = {"program.c": C, "program.tcl": TCL, "page.xml": "<a><b/>" + "<c d='e'>f</c>" * 500 + "</a>",
                 "Makefile": "all: a b\na b:\n\t@echo made\n",
                 "key.pub": "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIMxGBmSIL/DC2PTtRlVqCW+f3dKCDiHfQ7GlhKdh8cmt x\n"}
        for name, text in files.items():
            (self.folder / name).write_text(text)
        self.environment = clean_environment(HOME=str(self.folder), TMPDIR=str(self.folder))

    def run_in(self, *command, **options):
        return subprocess.run([str(word).replace("{folder}", str(self.folder)) for word in command], capture_output=True, text=True,
                              timeout=120, env=self.environment, cwd=self.folder, check=False, **options)

    def expect_as_alone(self, command):
        alone = self.run_in(*command)
        done = self.run_in(HEAPWATCH, "exec", "--", *command)
        self.assertEqual((done.returncode, done.stdout), (alone.returncode, alone.stdout), done.stderr)
        said = [line for line in done.stderr.splitlines() if not line.startswith("heapwatch: ")]
        self.assertEqual(said, alone.stderr.splitlines())
        self.assertIn("not freed: ", done.stderr)
        self.assertEqual(set(UNTRACKED.findall(done.stderr)), {"0"}, done.stderr)

    def test_programs_run_as_they_do_alone(self):
        for name, command in COMMANDS.items():
            with self.subTest(name):
                self.expect_as_alone(command)

    def test_programs_that_may_be_missing_run_as_they_do_alone(self):
        for name, command in OPTIONAL.items():
            if shutil.which(command[0]):
                with self.subTest(name):
                    self.expect_as_alone(command)

    def server(self, *command, before=(), options=()):
        process = subprocess.Popen([*before, HEAPWATCH, "exec", *map(str, options), "--", *map(str, command)], stdout=subprocess.DEVNULL,
                                   stderr=subprocess.PIPE, text=True, env=self.environment, cwd=self.folder)
        self.addCleanup(process.stderr.close)
        self.addCleanup(process.kill)
        return process

    def end(self, process, status=0, by=signal.SIGTERM):
        process.send_signal(by)
        told = process.stderr.read()
        self.assertEqual(process.wait(timeout=60), status, told)
        self.assertEqual(set(UNTRACKED.findall(told)), {"0"}, told)

    def test_nginx_serves(self):
        port = free_port()
        (self.folder / "page.txt").write_text("served\n")
        (self.folder / "nginx.conf").write_text(
            f"daemon off; worker_processes 2; pid {self.folder}/pid; error_log stderr;\nevents {{}}\n"
            f"http {{ access_log off; client_body_temp_path {self.folder}/b; proxy_temp_path {self.folder}/p; fastcgi_temp_path "
            f"{self.folder}/f; uwsgi_temp_path {self.folder}/u; scgi_temp_path {self.folder}/s;\n"
            f"server {{ listen 127.0.0.1:{port}; root {self.folder}; }} }}\n")
        os.chmod(self.folder, 0o755)
        process = self.server("nginx", "-p", self.folder, "-c", self.folder / "nginx.conf")
        wait_until(lambda: self.run_in("curl", "-s", f"http://127.0.0.1:{port}/page.txt").stdout == "served\n", "nginx")
        self.end(process)

    def test_redis_serves(self):
        port = free_port()
        process = self.server("redis-server", "--port", port, "--bind", "127.0.0.1", "--save", "",
                              "--enable-debug-command", "local")
        def command(*words):
            return self.run_in("redis-cli", "-p", port, *words).stdout
        wait_until(lambda: command("ping") == "PONG\n", "redis")
        self.assertEqual(command("debug", "populate", "2000"), "OK\n")
        self.assertEqual(command("dbsize"), "2000\n")
        self.assertEqual(command("flushall"), "OK\n")
        self.end(process)

    def test_postgres_serves(self):
        binary = max(pathlib.Path("/usr/lib/postgresql").glob("*/bin"))
        as_other = ()
        if os.geteuid() == 0:  # whom it refuses
            as_other = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")
            os.chown(self.folder, 65534, 65534)
        data = self.folder / "data"
        made = self.run_in(*as_other, binary / "initdb", "-D", data, "-A", "trust", "-N", "-U", "tester")
        self.assertEqual(made.returncode, 0, made.stderr)
        process = self.server(binary / "postgres", "-D", data, "-k", self.folder, "-c", "listen_addresses=", before=as_other)
        def query(text):
            return self.run_in("psql", "-U", "tester", "-h", self.folder, "-d", "postgres", "-Atc", text).stdout
        wait_until(lambda: query("select 1") == "1\n", "postgres")
        self.assertEqual(query("select count(*) from generate_series(1, 10000) a, generate_series(1, 10) b"), "100000\n")
        self.end(process)

    def test_a_flask_app_serves_and_its_line_is_named(self):
        port, page, requests = free_port(), free_port(), 200
        (self.folder / "app.py").write_text(FLASK)
        process = self.server("/usr/bin/python3", self.folder / "app.py", port,
                              options=("--listen", f"127.0.0.1:{page}", "--sample-interval", 4096))
        wait_until(lambda: self.run_in("curl", "-s", f"http://127.0.0.1:{port}/none").returncode == 0, "the app")
        for number in range(1, requests + 1):
            self.assertEqual(fetch(f"http://127.0.0.1:{port}/"), f"{number}\n")
        top = self.run_in(HEAPWATCH, "pprof", "-top", "-lines", "-unit=b", "-focus=app.py", "-nodefraction=0",
                          f"http://127.0.0.1:{page}/debug/pprof/heap").stdout
        self.end(process, by=signal.SIGINT)
        line = re.search(r"^ *(\d+)B .* page \S*app\.py:7$", top, re.M)
        self.assertTrue(line, top)
        self.assertLess(abs(int(line[1]) / (requests * 650) - 1), 0.5, top)


if __name__ == "__main__":
    HEAPWATCH = sys.argv.pop(1)
    unittest.main()
