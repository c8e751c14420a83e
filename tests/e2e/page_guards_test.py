"""Who reaches the pages that a command serves: web, exec --listen, attach --listen and pprof -http hold them to the same rules."""
import base64
import crypt
import http.client
import pathlib
import re
import signal
import ssl
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "testing"))
from agent import clean_environment, wait_until  # noqa: E402
from certificates import Certificates  # noqa: E402

AGENT = HEAPWATCH = ""
PROFILE = "heap profile: 1: 1000 [1: 1000] @ heap/1\n1: 1000 [1: 1000] @ 0x1234 0x5678\n"
COMMANDS = ("web", "exec", "attach", "pprof")
# Of each a page and what it changes something by.
PAGES = {"web": ["/", "/api/v1/schema", "/web/page.js"], "exec": ["/", "/debug/vars", "/debug/pprof/heap", "/api/v1/schema"],
         "attach": ["/", "/debug/vars", "/debug/pprof/heap"], "pprof": ["/ui/flamegraph", "/ui/top", "/ui/assets/site.js", "/ui/download"]}
FOREIGN = ("evil.example", "evil.example:80", "localhost.evil.example", "127.0.0.1.evil.example:8080")


class Served:
    """The pages of a command, until it is closed."""

    def __init__(self, test, command, listen="localhost:0", web_config=None):
        self.folder = pathlib.Path(tempfile.mkdtemp(dir=test.folder))
        self.target = None
        log = self.folder / "log"
        with open(log, "w") as out:
            if command in ("web", "attach"):
                self.target = subprocess.Popen(["sleep", "600"])
            self.process = subprocess.Popen(self.line(command, listen, web_config), stdout=out, stderr=out, stdin=subprocess.DEVNULL,
                                            env=clean_environment(TMPDIR=str(self.folder), XDG_CONFIG_HOME=str(self.folder)))
        found = wait_until(lambda: self.process.poll() is not None or re.search(r"(https?)://[^\s/:]+:(\d+)", log.read_text()), "the pages")
        self.log = log.read_text()
        self.scheme, self.port = (None, 0) if found is True else (found[1], int(found[2]))

    def line(self, command, listen, web_config):
        config = [] if web_config is None else ["--web-config", web_config]
        if command == "web":
            return [AGENT, "web", str(self.target.pid), "--listen", listen, *config]
        if command == "attach":
            return [AGENT, "attach", str(self.target.pid), "--listen", listen, *config]
        if command == "exec":
            # One program from its start to its end, so that its books stay.
            program = f"import time\nopen('{self.folder}/began', 'w').close()\ntime.sleep(600)"
            return [AGENT, "exec", "--listen", listen, *config, "--", "/usr/bin/python3", "-c", program]
        (self.folder / "profile").write_text(PROFILE)
        flag = [] if web_config is None else [f"-web_config={web_config}"]
        return [HEAPWATCH, "pprof", "-no_browser", f"-http={listen}", *flag, str(self.folder / "profile")]

    def ask(self, path, method="GET", context=None, body=None, **headers):
        """The status and the headers of an answer."""
        made = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60) if context is None else \
            http.client.HTTPSConnection("127.0.0.1", self.port, timeout=60, context=context)
        try:
            made.request(method, path, body=body, headers={name.replace("_", "-"): value for name, value in headers.items()})
            answer = made.getresponse()
            answer.read()
            return answer.status, answer.headers
        finally:
            made.close()

    def status(self, path, **more):
        return self.ask(path, **more)[0]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(timeout=60)
            except subprocess.TimeoutExpired:
                self.process.kill()
        self.process.wait()
        if self.target is not None:
            self.target.kill()
            self.target.wait()


class PageGuardsTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        temporary = tempfile.TemporaryDirectory()
        cls.addClassCleanup(temporary.cleanup)
        cls.folder = pathlib.Path(temporary.name)
        cls.made = Certificates([("server", "ca", "IP:127.0.0.1,DNS:localhost")])
        cls.addClassCleanup(cls.made.close)
        cls.tls = f"tls_server_config:\n  cert_file: {cls.made.file('server.pem')}\n  key_file: {cls.made.file('server.key')}\n"
        cls.users = "basic_auth_users:\n  ops: " + crypt.crypt("secret", "$2b$04$abcdefghijklmnopqrstuu") + "\n"
        # A sanitizer takes the place of the allocator, and such a program is not attached to; what it serves is not served either.
        cls.commands = [name for name in COMMANDS if name != "attach" or cls.can_attach()]

    @classmethod
    def can_attach(cls):
        with Served(cls, "attach") as served:
            return served.port != 0

    def each(self, names=None):
        for command in names or self.commands:
            with self.subTest(command=command):
                yield command

    def config(self, text):
        path = self.folder / "web.yml"
        path.write_text(text)
        return str(path)

    def test_a_name_of_another_host_is_answered_nothing(self):
        for command in self.each():
            with Served(self, command) as served:
                self.assertNotEqual(served.port, 0, served.log)
                for path in PAGES[command]:
                    wait_until(lambda: served.status(path) != 503, "the books of exec's program")
                    for host in FOREIGN:
                        self.assertEqual(served.status(path, Host=host), 421, (path, host))
                    for host in ("localhost", f"127.0.0.1:{served.port}", f"[::1]:{served.port}"):
                        self.assertEqual(served.status(path, Host=host), 200, (path, host))

    def test_every_page_tells_browsers_to_load_nothing_from_elsewhere(self):
        for command in self.each():
            with Served(self, command) as served:
                for path in [*PAGES[command], "/there/is/no/such/page"]:
                    _, headers = served.ask(path)
                    self.assertRegex(headers["Content-Security-Policy"] or "", r"default-src '(self|none)'", path)
                    self.assertIn("frame-ancestors 'none'", headers["Content-Security-Policy"], path)
                    self.assertEqual(headers["X-Content-Type-Options"], "nosniff", path)

    def test_a_public_address_needs_tls_and_a_password(self):
        for command in self.each(COMMANDS):
            for listen in ("0.0.0.0:0", "[::]:0"):
                for config in (None, self.config(self.tls), self.config(self.users)):
                    with Served(self, command, listen, config) as served:
                        self.assertEqual(served.port, 0, served.log)
                        self.assertNotEqual(served.process.wait(timeout=60), 0)
                        self.assertIn(f"other machines reach {listen}", served.log)
                        self.assertFalse((served.folder / "began").exists(), "the program was started all the same")

    def test_with_tls_and_a_password_it_is_open_to_who_knows_it(self):
        config = self.config(self.tls + self.users)
        context = ssl.create_default_context(cafile=self.made.file("ca.pem"))
        known = "Basic " + base64.b64encode(b"ops:secret").decode()
        wrong = "Basic " + base64.b64encode(b"ops:guess").decode()
        for command in self.each():
            with Served(self, command, "0.0.0.0:0", config) as served:
                self.assertEqual(served.scheme, "https", served.log)
                for path in PAGES[command]:
                    self.assertEqual(served.status(path, context=context), 401, path)
                    self.assertEqual(served.status(path, context=context, Authorization=wrong), 401, path)
                    self.assertEqual(served.status(path, context=context, Authorization=known), 200, path)

    def test_a_file_of_rules_that_is_wrong_is_told_before_anything_begins(self):
        for command in self.each(COMMANDS):
            with Served(self, command, "localhost:0", self.config("tls_server_confg: {}\n")) as served:
                self.assertEqual(served.port, 0, served.log)
                self.assertIn("tls_server_confg", served.log)
                self.assertFalse((served.folder / "began").exists())

    def test_what_changes_something_takes_a_post_of_its_own_page_in_json(self):
        for command, path, done in (("web", "/api/v1/watch/{pid}", 200), ("exec", "/api/v1/watch/{pid}", 200), ("pprof", "/ui/saveconfig?config=mine", 200)):
            with self.subTest(command=command), Served(self, command) as served:
                path = path.format(pid=served.process.pid)
                own = f"http://127.0.0.1:{served.port}"
                post = {"method": "POST", "body": b"{}" if command != "pprof" else None}
                self.assertEqual(served.status(path), 405)
                self.assertEqual(served.status(path, **post, Content_Type="application/json", Origin="http://evil.example"), 403)
                self.assertEqual(served.status(path, **post, Content_Type="application/json", Sec_Fetch_Site="cross-site"), 403)
                self.assertEqual(served.status(path, **post, Content_Type="application/json", Host="evil.example", Origin="http://evil.example"), 421)
                self.assertEqual(served.status(path, **post, Content_Type="text/plain", Origin=own), 415)
                self.assertEqual(served.status(path, **post, Content_Type="application/json", Origin=own), done)


if __name__ == "__main__":
    AGENT, HEAPWATCH = sys.argv[1:3]
    del sys.argv[1:3]
    unittest.main()
