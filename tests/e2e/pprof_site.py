"""What tests of the pages of heapwatch pprof share: the served pages, and a browser that shows them."""
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

from real_parts import GoProgram

from agent import clean_environment, fetch
from browser import Browser

PROGRAM, GO_TARGET = sys.argv[1:3]
BAR = "#bar a, #bar select, #bar input, #bar button, #bar .brand"


class Pages:
    """The pages of a heap profile of the Go program, served until close()."""

    def __init__(self, profile, environment, *flags):
        self.process = subprocess.Popen([PROGRAM, "pprof", "-no_browser", "-http=localhost:0", *flags, profile], stderr=subprocess.PIPE,
                                        text=True, env=environment)
        self.site = self.process.stderr.readline().removeprefix("Serving web UI on ").strip()
        if not self.site.startswith("http://"):
            raise AssertionError(f"{PROGRAM} serves nothing: {self.site}{self.process.stderr.read()}")

    def close(self):
        self.process.terminate()
        self.process.wait(timeout=60)
        self.process.stderr.close()


class PagesCase(unittest.TestCase):
    """Tests of the pages of one heap profile in one browser, which complains of nothing.

    HEAPWATCH_SCREENSHOTS=folder keeps what was seen.
    """

    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory(prefix="heapwatch-pages-")
        cls.addClassCleanup(folder.cleanup)
        cls.folder = folder.name
        cls.environment = clean_environment(PPROF_TMPDIR=cls.folder, HOME=cls.folder, XDG_CONFIG_HOME=cls.folder)
        cls.profile = f"{cls.folder}/heap.pb.gz"
        with GoProgram(GO_TARGET) as target:
            for _ in range(24):
                fetch(target.url("/hold"))
            fetch(target.url("/gc"))
            cls.heapwatch("save", target.url("/debug/pprof/heap"), "-o", cls.profile)
        pages = Pages(cls.profile, cls.environment, f"-source_path={pathlib.Path(__file__).resolve().parents[2]}")
        cls.addClassCleanup(pages.close)
        cls.site = pages.site
        cls.page = Browser(1280, 800, os.environ.get("HEAPWATCH_SCREENSHOTS"))
        cls.addClassCleanup(cls.page.close)

    def tearDown(self):
        self.assertEqual(self.page.complaints(), [])

    @classmethod
    def heapwatch(cls, *arguments):
        done = subprocess.run([PROGRAM, "pprof", *arguments], env=cls.environment, capture_output=True, text=True, timeout=120, check=False)
        if done.returncode != 0:
            raise AssertionError(done.stderr)

    def open(self, path):
        self.page.open(f"{self.site}/ui/{path}")

    def step_aside(self):
        """Takes the mouse off the boxes, which are told of while it is over them."""
        self.page.move_mouse(2, 2)

    def boxes(self):
        return self.page.count(".flame-box")
