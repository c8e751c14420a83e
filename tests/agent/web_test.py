"""The live page in a real browser, over a real agent that watches a program that leaks.

HEAPWATCH_SCREENSHOTS=folder keeps what was seen.
"""
import json
import os
import pathlib
import subprocess
import sys
import unittest
import urllib.error

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/testing"))
sys.path.insert(0, str(ROOT / "tests/e2e"))
from agent import Agent, Confd, clean_environment, fetch, wait_until  # noqa: E402
from browser import Browser  # noqa: E402
from selenium.webdriver.common.action_chains import ActionChains  # noqa: E402
from selenium.webdriver.common.keys import Keys  # noqa: E402

PROGRAM = LEAKS = ""
RATE = 700_000  # bytes a second
FRAMES = 12
OVERFLOW = "return document.documentElement.scrollWidth - window.innerWidth"
# Whether the canvas has the colours of what is drawn, and not only a grid.
COLOURS = """
const canvas = document.querySelector('.chart canvas');
const pixels = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
const colours = new Map();
for (let i = 0; i < pixels.length; i += 4) {
  if (pixels[i + 3] < 200) continue;
  const key = [pixels[i], pixels[i + 1], pixels[i + 2]].join();
  colours.set(key, (colours.get(key) || 0) + 1);
}
return [...colours.values()].filter(count => count > 200).length;
"""


class WebTest(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.folder = Confd()
        cls.addClassCleanup(cls.folder.close)
        cls.program = subprocess.Popen([PROGRAM, "exec", "--", LEAKS, "leak_malloc", "1", str(RATE)], stdin=subprocess.PIPE,
                                       stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=clean_environment())
        cls.addClassCleanup(cls.program.communicate)
        cls.program.stdout.readline()
        cls.folder.write("memory.d/conf.yaml", "init_config: {walk_interval: 1, cpu_budget: 100}\ninstances:\n"
                         f"  - process_name: {pathlib.Path(LEAKS).name}\n    name: leaks\n  - self: true\n    name: heapwatch\n")
        cls.config = (f"min_collection_interval: 0.5\nhistory:\n  enabled: true\n  interval: 1\n"
                      f"  path: {cls.folder.root}/history.db\n")
        cls.agent = cls.started()
        cls.addClassCleanup(lambda: cls.agent.stop())
        cls.pid = wait_until(cls.measured, "some frames of both processes", patience_s=120)
        cls.browser = Browser(shots=os.environ.get("HEAPWATCH_SCREENSHOTS"))
        cls.addClassCleanup(cls.browser.close)

    @classmethod
    def started(cls):
        return Agent(PROGRAM, cls.folder, cls.config, env={"DD_HISTORY_ENABLED": "true"})

    @classmethod
    def site(cls):
        return f"http://127.0.0.1:{cls.agent.port}/"

    @classmethod
    def ask(cls, path):
        return json.loads(fetch(cls.site() + "api/v1/" + path))

    @classmethod
    def measured(cls):
        """The pid of the program, once there is something to see of it."""
        try:
            processes = {one["name"]: one for one in cls.ask("processes")["processes"]}
        except urllib.error.HTTPError:
            return None
        if {"leaks", "heapwatch"} - set(processes):
            return None
        pid = processes["leaks"]["pid"]
        return pid if len(cls.ask(f"memory/{pid}?points=5000")["times"]) >= FRAMES else None

    def setUp(self):
        self.browser.complaints()
        self.browser.requests()

    def tearDown(self):
        self.assertEqual(self.browser.complaints(), [])
        elsewhere = [url for url in self.browser.requests() if not url.startswith((self.site(), "data:", "about:"))]
        self.assertEqual(elsewhere, [])

    def open(self, query=""):
        self.browser.open(self.site() + query)

    def open_process(self, query=""):
        self.open(f"?pid={self.pid}&span=900000{query}")
        self.browser.wait_for("return document.querySelectorAll('.chart canvas').length > 0 && document.querySelector('#growth h2') !== null")

    def test_the_first_page_lists_processes_and_leads_to_each(self):
        self.open()
        self.browser.wait_for("return document.querySelectorAll('tbody tr').length === 2")
        self.assertEqual(sorted(self.browser.texts("tbody tr td:first-child")), ["heapwatch", "leaks"])
        self.browser.shoot("processes")
        self.browser.named("tbody a", "leaks").click()
        self.browser.wait_for("return document.querySelectorAll('.chart canvas').length > 0")
        self.assertIn(f"pid={self.pid}", self.browser.url)
        self.assertEqual(self.browser.text("h1"), "leaks")

    def test_rows_meet_the_resident_memory_at_every_look(self):
        memory = self.ask(f"memory/{self.pid}?points=5000")
        total = next(one for one in memory["series"] if one["name"] == "rows_rss")["last"]
        looks = [i for i, value in enumerate(total) if value is not None]
        self.assertGreater(len(looks), 3)
        for i in looks:
            self.assertEqual(sum(row["bytes"][i] or 0 for row in memory["rows"]), total[i])

    def test_the_chart_is_drawn_and_names_its_rows(self):
        self.open_process()
        self.assertGreaterEqual(self.browser.script(COLOURS), 2)
        self.assertTrue(any("native glibc live" in key for key in self.browser.texts(".legend .key")))
        self.browser.shoot("process")

    def test_two_moments_that_are_brushed_are_compared_and_stay_in_the_address(self):
        memory = self.ask(f"memory/{self.pid}?points=5000")
        self.open(f"?pid={self.pid}&span=900000")
        self.browser.wait_for("return document.querySelectorAll('.chart canvas').length > 0")
        chart = self.browser.one(".chart")
        width = chart.size["width"]
        measured = (memory["times"][-1] - memory["times"][0]) / 900_000 * width
        # The right end is the present: the last frames are there.
        ActionChains(self.browser._driver).move_to_element_with_offset(chart, int(width / 2 - measured * 0.8) - 20, 0).click_and_hold() \
            .move_to_element_with_offset(chart, int(width / 2) - 22, 0).release().perform()
        self.browser.wait_for_url("from=[0-9]+&until=[0-9]+")
        self.browser.wait_for("return document.querySelector('#growth').textContent.includes('Between')")
        self.browser.shoot("brushed")
        before = self.browser.url
        self.browser.reloaded_by(lambda: self.browser.open(before))
        self.browser.wait_for("return (document.querySelector('#growth') || {textContent: ''}).textContent.includes('Between')")
        self.browser.focus(self.browser.one(".chart"))
        self.browser.press(Keys.ESCAPE)
        self.browser.wait_for("return !location.search.includes('until')")

    def test_who_holds_the_memory_is_named_and_drawn(self):
        wait_until(lambda: self.ask(f"suspects/{self.pid}")["profiles"], "a profile of the program", patience_s=60)
        suspects = self.ask(f"suspects/{self.pid}")["profiles"][0]
        self.assertEqual(suspects["kind"], "native")
        self.open_process("&flame=native")
        self.browser.wait_for("return document.querySelectorAll('.flame-box').length > 1")
        self.browser.shoot("flame")

    def test_nothing_leaves_the_window_however_narrow_wide_or_dark_it_is(self):
        for width in (400, 1280, 2560):
            for scheme in ("light", "dark"):
                self.browser.resize(width, 900)
                self.browser.prefer(scheme)
                self.open_process()
                self.assertLessEqual(self.browser.script(OVERFLOW), 0, f"{width} {scheme}")
                self.browser.shoot(f"process-{width}-{scheme}")
                self.open()
                self.browser.wait_for("return document.querySelectorAll('tbody tr').length === 2")
                self.assertLessEqual(self.browser.script(OVERFLOW), 0, f"{width} {scheme}")
                self.browser.shoot(f"processes-{width}-{scheme}")
        self.browser.resize(1280, 800)
        self.browser.prefer("")

    def test_others_than_browsers_get_the_list_of_pages(self):
        self.assertTrue(fetch(self.site()).startswith("/debug/vars"))

    def test_what_was_seen_is_there_after_a_restart(self):
        self.browser.open("about:blank")  # a page that goes on would complain
        self.browser.complaints()
        before = self.ask(f"memory/{self.pid}?points=5000")
        self.agent.stop()
        type(self).agent = self.started()
        after = wait_until(lambda: self.after_restart(before["times"][-1]), "frames after the restart", patience_s=60)
        self.assertEqual(after["life"], before["life"])
        self.assertEqual(after["times"][:3], before["times"][:3])

    def after_restart(self, time):
        try:
            memory = self.ask(f"memory/{self.pid}?points=5000")
        except urllib.error.HTTPError:
            return None
        return memory if memory["times"][-1] > time else None


if __name__ == "__main__":
    PROGRAM, LEAKS = sys.argv[1:3]
    unittest.main(argv=sys.argv[:1])
