"""Text of others steers no terminal and forges no line: pages, profiles, plugins and Python checks that try."""
import gzip
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unicodedata
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "testing"))
from agent import Agent, Confd, clean_environment, fetch, run, wait_until  # noqa: E402
from pages import Pages  # noqa: E402

PROGRAM = ""
FORGED = "2026-01-31 12:00:00 UTC | ERROR | forged"
EVIL = f"evil\n{FORGED}\r\x1b[2J\x1b]0;title\x07\x00\x7f\u009b31m\u202egpj\u2066.\u2069"
EVIL_BYTES = EVIL.encode() + b"\x9b31m\xff\xc3"

PLUGIN = r"""
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
struct event { char *title, *text; long ts; char *priority, *host, **tags, *alert_type, *aggregation_key, *source_type_name, *event_type; };
struct aggregator {
  void (*submit_metric)(char*, int, char*, double, char**, char*, bool);
  void (*submit_service_check)(char*, char*, int, char**, char*, char*);
  void (*submit_event)(char*, struct event*);
  void (*submit_histogram_bucket)(char*, char*, long long, float, float, int, char*, char**, bool);
  void (*submit_event_platform_event)(char*, char*, int, char*);
  void (*log)(char*, int);
};
static char evil[] = EVIL;
__attribute__((visibility("default"))) void Run(char* id, char* init, char* instance, const struct aggregator* to, const char** error) {
  (void)init; (void)instance;
  char* tags[] = {evil, NULL};
  struct event event = {evil, evil, 1700000000, evil, evil, tags, evil, evil, evil, evil};
  to->submit_metric(id, 0, evil, 1, tags, evil, false);
  to->submit_service_check(id, evil, 1, tags, evil, evil);
  to->submit_event(id, &event);
  to->log(evil, 40);
  *error = strdup(evil);
}
__attribute__((visibility("default"))) const char* Version(const char** error) { (void)error; return "1"; }
"""

PYTHON_CHECK = f"""from datadog_checks.base import AgentCheck

EVIL = {EVIL!r}


class HostileCheck(AgentCheck):
    def check(self, instance):
        self.gauge(EVIL, 1, tags=[EVIL])
        self.service_check(EVIL, 1, message=EVIL)
        self.log.error(EVIL)
        self.warning(EVIL)
        raise ValueError(EVIL)
"""


def varint(number):
    out = b""
    while number > 0x7f:
        out += bytes([number & 0x7f | 0x80])
        number >>= 7
    return out + bytes([number])


def field(number, value):
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def profile():
    """Two frames whose names, file, label, type and comment are hostile."""
    strings = [b"", EVIL_BYTES, b"count", b"plain", b"key"]
    evil, count, plain, key = range(1, 5)
    function = [field(5, field(1, n) + field(2, name) + field(3, name) + field(4, evil)) for n, name in ((1, evil), (2, plain))]
    location = [field(4, field(1, n) + field(2, 1) + field(3, 16 * n) + field(4, field(1, n) + field(2, 7))) for n in (1, 2)]
    sample = field(2, field(1, 1) + field(1, 2) + field(2, 5) + field(3, field(1, evil) + field(2, evil)) + field(3, field(1, key) + field(2, evil)))
    mapping = field(3, field(1, 1) + field(2, 0) + field(3, 4096) + field(5, evil) + field(6, evil))
    return gzip.compress(field(1, field(1, evil) + field(2, count)) + sample + mapping + b"".join(location + function) +
                         b"".join(field(6, text) for text in strings) + field(13, evil))


class HostileTextTest(unittest.TestCase):
    maxDiff = None

    def harmless(self, raw, what):
        """No control characters but the newlines and tabs that are ours, and no turned text."""
        text = raw.decode() if isinstance(raw, bytes) else raw  # all of it is UTF-8
        bad = sorted({c for c in text if unicodedata.category(c) == "Cc" and c not in "\n\t" or "\u202a" <= c <= "\u202e" or "\u2066" <= c <= "\u2069"})
        self.assertEqual(bad, [], what)
        self.assertNotRegex(text, rf"(?m)^{re.escape(FORGED)}", what)
        return text

    def command(self, *arguments, mentions=None, **more):
        done = subprocess.run([PROGRAM, *map(str, arguments)], capture_output=True, timeout=120, env=clean_environment(), check=False, **more)
        out = self.harmless(done.stdout, f"{arguments}: stdout") + self.harmless(done.stderr, f"{arguments}: stderr")
        if mentions:
            self.assertIn(mentions, out, arguments)
        return out

    def test_reports_of_a_hostile_profile(self):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "hostile.pb.gz"
            path.write_bytes(profile())
            for report in ("-top", "-tree", "-text", "-traces", "-tags", "-comments", "-list=evil", "-peek=evil", "-raw_nothing"):
                with self.subTest(report):
                    mentions = None if report == "-raw_nothing" else r"\x1b[2J"
                    self.command("pprof", report, path, mentions=mentions, cwd=folder)
            self.command("pprof", "-sample_index=none", "-top", path, mentions=r"\x1b[2J", cwd=folder)
            self.command("pprof", path, mentions=r"\x1b[2J", cwd=folder, input=b"top\ntree\ntraces\npeek evil\nlist evil\noptions\nhelp\ntags\nquit\n")

    def test_a_hostile_page_in_log_status_and_terminal(self):
        name = EVIL.replace("\\", "").replace("\n", "\\n").replace("\r", "\\r").replace("\x00", "\\u0000").replace("\x1b", "\\u001b").replace(
            "\x07", "\\u0007")
        good = f'{{"{name}": 1, "key_a{name}": 2, "key_b{name}": "text{name}"}}'.encode()

        def refused(handler):
            handler.wfile.write(b"HTTP/1.1 500 " + EVIL_BYTES.replace(b"\n", b"").replace(b"\r", b"").replace(b"\x00", b"") +
                                b"\r\nContent-Length: 0\r\n\r\n")

        broken = b'{"a": ' + EVIL_BYTES
        with Pages({"/good": good, "/refused": refused, "/broken": broken}) as served, Confd() as folder:
            text = "init_config:\ninstances:\n"
            for path in ("good", "refused", "broken"):
                text += (f"  - expvar_url: {served.url('/' + path)}\n    namespace: {path}\n    memstats: false\n    min_collection_interval: 0.2\n"
                         "    metrics:\n      - path: key_.*\n      - path: key_c\n      - path: 'evil.*'\n        tags: [a]\n")
            folder.write("go_expvar.d/conf.yaml", text)
            with Agent(PROGRAM, folder, "log_level: trace\n") as agent:
                wait_until(lambda: len(served.requests) >= 9, "three runs of each")
                wait_until(lambda: agent.vars()["checks"]["go_expvar"]["runs"] >= 6, "the runs")
                self.command("-c", agent.config_file, "status")
                self.harmless(fetch(f"http://127.0.0.1:{agent.port}/status"), "/status")
                agent.stop()
                self.harmless(agent.log_path.read_bytes(), "log")
                for more in ([], ["--table"], ["--json"], ["-r"]):
                    self.command("-c", agent.config_file, "check", "go_expvar", *more)
            for path in ("good", "refused", "broken"):
                self.command("vars", served.url("/" + path))
                self.command("vars", served.url("/" + path), ".*")

    def test_a_hostile_plugin_and_a_hostile_python_check(self):
        with Confd() as folder:
            checks = folder.root / "checks.d"
            checks.mkdir()
            (checks / "hostile.py").write_text(PYTHON_CHECK)
            escaped = "".join(f"\\{byte:03o}" for byte in EVIL_BYTES.replace(b"\x00", b""))
            source = folder.root / "evil.c"
            source.write_text(PLUGIN.replace("EVIL", f'"{escaped}"', 1))
            subprocess.run(["cc", "-shared", "-fPIC", "-o", checks / "libdatadog-agent-evil.so", source], check=True)
            for check in ("hostile", "evil"):
                folder.write(f"{check}.d/conf.yaml", "init_config:\ninstances: [{min_collection_interval: 0.2}]\n")
            with Agent(PROGRAM, folder, "log_level: debug\n") as agent:
                wait_until(lambda: all(agent.vars()["checks"].get(name, {}).get("runs", 0) >= 2 for name in ("hostile", "evil")), "two runs of each")
                text = self.command("-c", agent.config_file, "status", mentions=r"\x1b[2J")
                self.assertEqual(text.count("Instance ID: "), 3)  # with the interpreter's own
                agent.stop()
                log = self.harmless(agent.log_path.read_bytes(), "log")
                self.assertIn(r"evil\n2026-01-31 12:00:00 UTC | ERROR | forged\r\x1b[2J", log)
                for check in ("hostile", "evil"):
                    for more in ([], ["--table"], ["--json"]):
                        self.command("-c", agent.config_file, "check", check, *more)


if __name__ == "__main__":
    PROGRAM = sys.argv.pop(1)
    os.environ.setdefault("PYTHONDONTWRITEBYTECODE", "1")
    unittest.main()
