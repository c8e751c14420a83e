"""The shell of heapwatch pprof: piped, it says what `go tool pprof` says, byte for byte; on a terminal it edits, remembers and completes."""
import os
import pathlib
import pty
import re
import select
import signal
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "testing"))
from agent import clean_environment, fetch, run, wait_until  # noqa: E402

PROGRAM = ""
PROFILES = pathlib.Path(__file__).resolve().parent.parent / "pprof" / "go_profiles" / "main.go"

# Each is fed to both. Left out is where Debian's Go 1.19 differs from the newest: bare names of choices (lines, cum), tags.
CONVERSATIONS = {
    "the guide's": "top\ntree\ninuse_objects\ntop\nalloc_space\ntop\nalloc_objects\ntop\nquit\n",
    "numbers": "top3\ntop 3\ntext2\ntree1\ntop -5\ntop 0\ntop -1\nnodecount=4\ntop\ntop -1\nnodecount=-1\ntop\n",
    "expressions": "top leaf\ntop leaf main -keep\ntree 3 -runtime\npeek main.leaf\npeek leaf|keep -runtime\nlist main.leaf\n"
                   "list main.leaf 3\ntop (\npeek (\nlist nothing_like_it\n",
    "sorting": "top3 -cum\ntop3 --cum\nsort=cum\ntop3\nsort=flat\ntop3\ntop -flat\ntop --cum=1\n",
    "sample types": "sample_index=0\ntop2\nsample_index = alloc_space\ntop2\nsample_index=9\nsample_index=foo\n"
                    "mean_inuse_space\ntop2\ntotal_inuse_space\ntop2\nsample_index=  1  //: one\ntop2\nsample_index\n",
    "filters": "focus=leaf\ntop\ntop middle\n:\ntop2\nhide=main.keep\ntree\nhide=\nignore=leaf\ntop\nshow=main\ntop5\nshow=\n:\n"
               "tagfocus=bytes=1kb:4kb\ntop2\n:\nprune_from=middle\ntop3\nfocus=(\ntop\n",
    "options": "granularity=lines\ntop3\ngranularity=files\ntop1\ngranularity=functions\nunit=mb\ntop2\nunit=auto\ntop2\n"
               "divide_by=2\ntop1\ndivide_by=0\ntop1\ndivide_by=1\ncall_tree\ntop1\ncall_tree=f\nnoinlines=t\ntop3\n"
               "noinlines=maybe\ntrim=n\ntop2\nrelative_percentages=yes\ntop2 leaf\ncompact_labels=f\ntop2\n",
    "mistakes": "foo\nfoo12\ntopx\nTop\npeek\nlist\nnodecount\nnodecount 3\nsort=x\nnodecount=x\nedgefraction=x\ntop >\n"
                "alloc_space=3\ngranularity\nhelp nothing\n=\n==\n-\n>\n5\n\n   \n\ttop1\t\n",
    "an end without a quit": "top1\n  traces  \nraw\ncomments",
}


class Profiles:
    def __init__(self):
        self._folder = tempfile.TemporaryDirectory()
        self.path = self._folder.name
        self.environment = clean_environment(TZ="UTC", GO111MODULE="off", GOFLAGS="", HOME=self.path)
        self.call("go", "build", "-o", "program", str(PROFILES))
        self.call("./program", self.path)
        for kind in ("heap", "goroutine", "cpu"):
            # Go 1.19 merges a single profile with itself, the newest does not: merged ones are the same to both.
            merged = self.call("go", "tool", "pprof", "-symbolize=none", "-proto", f"{kind}.pb.gz")
            pathlib.Path(self.path, f"{kind}.merged").write_bytes(merged)

    def call(self, *command, stdin=b""):
        done = subprocess.run(command, cwd=self.path, env=self.environment, capture_output=True, timeout=180, input=stdin)
        if done.returncode != 0:
            raise AssertionError(f"{command}: {done.stderr.decode()}")
        return done.stdout

    def close(self):
        self._folder.cleanup()


class PipedTest(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.profiles = Profiles()
        cls.addClassCleanup(cls.profiles.close)

    def both(self, kind, conversation):
        return [self.profiles.call(*command, f"{kind}.merged", stdin=conversation.encode()).decode()
                for command in ([PROGRAM, "pprof"], ["go", "tool", "pprof", "-symbolize=none"])]

    def test_a_conversation_is_word_for_word_pprofs(self):
        for name, conversation in CONVERSATIONS.items():
            with self.subTest(conversation=name):
                ours, theirs = self.both("heap", conversation)
                # What came later than Go 1.19: columns of lines.
                self.assertEqual(re.sub(r"(:\d+):0( s=)", r"\1\2", ours), self.with_our_time(theirs, ours))

    def with_our_time(self, theirs, ours):
        """Go 1.19 writes the time of a profile in other words."""
        times = iter(re.findall(r"Time: .*", ours))
        return re.sub(r"Time: .*", lambda _: next(times), theirs)

    def test_conversations_about_other_kinds(self):
        for kind in ("goroutine", "cpu"):
            with self.subTest(kind=kind):
                ours, theirs = self.both(kind, "top\ntop5 -cum\ntree 5\npeek main\n")
                self.assertEqual(ours, theirs)

    def test_files_hold_what_the_command_would_say(self):
        ours, theirs = self.both("heap", "top3 >ours.txt\ntop3\ntree > ours.tree\noutput=both.txt\ntop2\noutput=\n")
        self.assertEqual(ours, theirs)
        text = pathlib.Path(self.profiles.path, "ours.txt").read_text()
        self.assertIn(text, ours)
        self.assertTrue(text.startswith("Showing nodes"))
        self.assertIn("calls%", pathlib.Path(self.profiles.path, "ours.tree").read_text())

    def test_what_is_no_text_goes_to_numbered_files(self):
        with tempfile.TemporaryDirectory() as folder:
            done = subprocess.run([PROGRAM, "pprof", f"{self.profiles.path}/heap.merged"], cwd=folder, text=True, timeout=120,
                                  env=self.profiles.environment, capture_output=True, input="svg\nproto\npng\nflame\nsvg main\n")
            self.assertEqual(done.stdout, "(pprof) " * 6)
            self.assertEqual(sorted(os.listdir(folder)), ["profile001.html", "profile001.pb.gz", "profile001.png",
                                                          "profile001.svg", "profile002.svg"])
            self.assertIn("Generating report in profile002.svg\n", done.stderr)

    def test_the_greeting_goes_to_the_error_output(self):
        done = run(PROGRAM, "pprof", f"{self.profiles.path}/heap.merged", stdin="q\n", env={"TZ": "UTC"})
        self.assertEqual(done.stdout, "(pprof) ")
        self.assertRegex(done.stderr, r"\AFile: program\n(Build ID: .*\n)?Type: inuse_space\nTime: .* UTC\n"
                                      r"Entering interactive mode \(type \"help\" for commands, \"o\" for options\)\n\Z")
        self.assertEqual(done.returncode, 0)

    def test_web_writes_the_picture_and_opens_it(self):
        with tempfile.TemporaryDirectory() as folder:
            browser = pathlib.Path(folder, "browser")
            browser.write_text(f'#!/bin/sh\necho "$1" > {folder}/asked.new && mv {folder}/asked.new {folder}/asked\n')
            browser.chmod(0o755)
            env = {"BROWSER": str(browser), "TMPDIR": folder}
            done = run(PROGRAM, "pprof", f"{self.profiles.path}/heap.merged", stdin="web main\n", env=env)
            self.assertEqual((done.returncode, done.stdout), (0, "(pprof) (pprof) "), done.stderr)
            asked = wait_until(lambda: os.path.exists(f"{folder}/asked") and pathlib.Path(folder, "asked").read_text(),
                               "the browser to be asked").strip()
            self.assertTrue(asked.startswith(f"file://{folder}/pprof"), asked)
            self.assertIn("main.leaf", pathlib.Path(asked[len("file://"):]).read_text())
            run(PROGRAM, "pprof", "-web", f"{self.profiles.path}/heap.merged", env={"PATH": "", "TMPDIR": folder, "BROWSER": ""})

    def test_without_a_browser_the_page_is_named(self):
        done = run(PROGRAM, "pprof", "-web", f"{self.profiles.path}/heap.merged", env={"PATH": "", "BROWSER": "", "DISPLAY": ""})
        self.assertEqual(done.returncode, 2)
        self.assertRegex(done.stderr, r"there is no browser here; open file:///\S+\.svg in one, or name one in \$BROWSER\n")


class WithoutGraphvizTest(unittest.TestCase):
    """dlopen() is replaced by one that does not find the library."""

    @classmethod
    def setUpClass(cls):
        cls.profiles = Profiles()
        cls.addClassCleanup(cls.profiles.close)
        source = pathlib.Path(cls.profiles.path, "without.c")
        source.write_text('#define _GNU_SOURCE\n#include <dlfcn.h>\n#include <string.h>\n'
                          'void *dlopen(const char *name, int flags) {\n'
                          '  void *(*real)(const char *, int) = (void *(*)(const char *, int))dlsym(RTLD_NEXT, "dlopen");\n'
                          '  return name && strstr(name, "libgvc") ? 0 : real(name, flags);\n}\n')
        cls.library = f"{cls.profiles.path}/without.so"
        cls.profiles.call("gcc", "-shared", "-fPIC", "-o", cls.library, str(source))

    def pprof(self, *arguments, **env):
        return run(PROGRAM, "pprof", *arguments, f"{self.profiles.path}/heap.merged",
                   env={"LD_PRELOAD": self.library, "ASAN_OPTIONS": "verify_asan_link_order=0", **env})

    def test_a_sentence_says_what_to_install_and_what_works(self):
        for flag in ("-svg", "-png", "-pdf"):
            done = self.pprof(flag)
            self.assertEqual((done.returncode, done.stdout), (2, ""))
            self.assertEqual(done.stderr, "pprof: pictures of graphs need Graphviz's library, which is not installed "
                                          "(apt-get install libgvc6); -flame and -http work without it\n")

    def test_everything_else_works(self):
        self.assertIn("digraph", self.pprof("-dot").stdout)
        self.assertIn("<!DOCTYPE html>", self.pprof("-flame").stdout)

    def test_web_shows_the_flame_graph(self):
        done = self.pprof("-web", BROWSER="true", TMPDIR=self.profiles.path)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("this is the flame graph", done.stderr)
        self.assertEqual(len(list(pathlib.Path(self.profiles.path).glob("pprof*.html"))), 1)


class Terminal:
    """A program on a terminal of its own."""

    def __init__(self, *command, **env):
        self.master, slave = pty.openpty()
        self.text = ""
        self.process = subprocess.Popen(command, stdin=slave, stdout=slave, stderr=slave, start_new_session=True,
                                        env=clean_environment(TERM="xterm", **env))
        os.close(slave)

    def type(self, keys):
        os.write(self.master, keys.encode())

    def wait_for(self, pattern):
        """What was written up to where the pattern matches, which is then forgotten."""
        while not (match := re.search(pattern, self.text)):
            if not select.select([self.master], [], [], 60)[0]:
                raise AssertionError(f"{pattern} does not come: {self.text}")
            self.text += os.read(self.master, 4096).decode(errors="replace")
        seen, self.text = self.text[:match.end()], self.text[match.end():]
        return seen

    def close(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        os.close(self.master)


class TerminalTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.profiles = Profiles()
        cls.addClassCleanup(cls.profiles.close)

    def setUp(self):
        self.terminal = Terminal(PROGRAM, "pprof", f"{self.profiles.path}/heap.merged", HOME=self.profiles.path)
        self.addCleanup(self.terminal.close)
        self.terminal.wait_for(r"\(pprof\) ")

    def test_lines_are_edited_and_remembered(self):
        self.terminal.type("to4\x02p\r")  # ^B steps back over the 4
        self.terminal.wait_for(r"Showing top 4 nodes(.|\n)*\(pprof\) ")
        self.terminal.type("tags\r")
        self.terminal.wait_for(r"tenant(.|\n)*\(pprof\) |\(pprof\) ")
        self.terminal.type("\x10\x10\r")  # ^P twice: the line before the last
        self.terminal.wait_for(r"Showing top 4 nodes(.|\n)*\(pprof\) ")

    def test_tabs_complete_commands_and_functions(self):
        self.terminal.type("alloc_o\t\r")
        self.terminal.wait_for(r"bjects(.|\n)*\(pprof\) ")
        self.terminal.type("o\r")
        self.terminal.wait_for(r"sample_index +=.*alloc_objects +//(.|\n)*\(pprof\) ")
        self.terminal.type("peek middl\t\r")
        self.terminal.wait_for(r"\| main\.middle(.|\n)*\(pprof\) ")
        self.terminal.type("alloc_\t")
        seen = self.terminal.wait_for(r"alloc_objects\s+alloc_space(.|\n)*\(pprof\) alloc_")
        self.assertIn("alloc_space", seen)

    def test_the_end_of_input_leaves(self):
        self.terminal.type("\x04")
        self.assertEqual(self.terminal.process.wait(timeout=60), 0)


class ServerTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.profiles = Profiles()
        cls.addClassCleanup(cls.profiles.close)

    def serve(self, *flags):
        process = subprocess.Popen([PROGRAM, "pprof", *flags, f"{self.profiles.path}/heap.merged"], stderr=subprocess.PIPE,
                                   text=True, env=clean_environment(BROWSER=""))
        self.addCleanup(process.stderr.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process, process.stderr.readline()

    def test_pages_are_served_until_the_program_is_told_to_end(self):
        process, line = self.serve("-no_browser", "-http=:", "-sample_index=alloc_space")
        url = re.fullmatch(r"Serving web UI on (http://localhost:\d+)\n", line)[1]
        self.assertIn('"type":"alloc_space"', fetch(f"{url}/ui/top"))
        self.assertIn("main.leaf", fetch(f"{url}/"))
        with self.assertRaisesRegex(OSError, "421"):
            fetch(f"{url}/ui/top", {"Host": "attacker.example"})
        process.terminate()
        self.assertEqual(process.wait(timeout=60), 0)

    def test_an_address_in_use_is_told(self):
        _, line = self.serve("-no_browser", "-http=localhost:0")
        port = re.search(r":(\d+)$", line.strip())[1]
        process, _ = self.serve("-no_browser", f"-http=localhost:{port}")
        self.assertEqual(process.wait(timeout=60), 2)

    def test_pages_and_a_report_exclude_one_another(self):
        done = run(PROGRAM, "pprof", "-http=:0", "-top", f"{self.profiles.path}/heap.merged")
        self.assertEqual(done.returncode, 2)
        self.assertIn("-http", done.stderr)


if __name__ == "__main__":
    PROGRAM = os.path.abspath(sys.argv.pop(1))
    unittest.main()
