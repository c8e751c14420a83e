"""The views of the live page in a real browser, over answers that page_server.py makes up.

HEAPWATCH_SCREENSHOTS=folder keeps what was seen; UPDATE_GOLDEN=1 writes the pictures anew that the page is compared with.
"""
import io
import json
import os
import pathlib
import re
import sys
import time
import unittest

import numpy
from PIL import Image

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/testing"))
sys.path.insert(0, str(ROOT / "tests/e2e"))
sys.path.insert(0, str(ROOT / "tests/agent"))
from agent import wait_until  # noqa: E402
from browser import Browser  # noqa: E402
from page_server import CLOCK, PageServer, Scene  # noqa: E402
from selenium.webdriver.common.keys import Keys  # noqa: E402

GOLDEN = pathlib.Path(__file__).parent / "pictures"
SCALE = 0.25  # of the pictures that are kept
DIFFERENT = 40  # of 255: how far apart two colours of one place may be
PLACES_MAX = 0.02  # of all places may be further apart: letters are drawn a little otherwise elsewhere
OVERFLOW = "return document.documentElement.scrollWidth - window.innerWidth"
VIEWS = {
    "processes": "", "targets": "?view=targets", "checks": "?view=checks", "process": "?pid=4000",
    "brushed": f"?pid=4000&from={CLOCK - 3000_000}&until={CLOCK - 200_000}",
    "flame": "?pid=4000&flame=go", "difference": f"?pid=4000&from={CLOCK - 3000_000}&until={CLOCK}&flame=go", "target": "?life=101", "check": "?life=201",
}
READY = {
    "process": "#growth h2", "brushed": "#growth h2", "flame": ".flame-table tbody tr", "difference": ".flame-table tbody tr", "target": ".chart canvas",
    "check": ".chart canvas",
}


def pixels(png):
    """A picture as numbers: rows, columns, colours."""
    return numpy.asarray(Image.open(io.BytesIO(png)).convert("RGB"), dtype=numpy.int32)


class PageTest(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        os.environ["TZ"] = "UTC"
        time.tzset()
        cls.server = PageServer(Scene())
        cls.addClassCleanup(cls.server.close)
        cls.browser = Browser(shots=os.environ.get("HEAPWATCH_SCREENSHOTS"))
        cls.addClassCleanup(cls.browser.close)

    def setUp(self):
        self.server.scene = Scene()
        self.server.posted.clear()
        self.browser.complaints()
        self.browser.requests()

    def tearDown(self):
        self.assertEqual(self.browser.complaints(), [])
        elsewhere = [url for url in self.browser.requests() if not url.startswith((self.server.site, "data:", "about:", "blob:", "file:"))]
        self.assertEqual(elsewhere, [])

    def open(self, view):
        self.browser.open(self.server.site + VIEWS.get(view, view))
        self.browser.wait_for("return document.querySelector(arguments[0]) !== null", READY.get(view, "tbody tr"))

    def in_each_size(self):
        """Sizes and schemes one after the other, and the usual ones at the end."""
        try:
            for width, height in ((400, 800), (1280, 800), (2560, 1440)):
                for scheme in ("light", "dark"):
                    self.browser.resize(width, height)
                    self.browser.prefer(scheme)
                    yield width, scheme
        finally:
            self.browser.resize(1280, 800)
            self.browser.prefer("")

    def test_each_view_looks_as_it_did_stays_in_the_window_and_is_readable_and_named(self):
        for width, scheme in self.in_each_size():
            for view in VIEWS:
                with self.subTest(view=view, width=width, scheme=scheme):
                    self.open(view)
                    self.browser.script("document.documentElement.style.scrollBehavior = 'auto'; window.scrollTo(0, 0)")
                    self.browser.shoot(f"{view}-{width}-{scheme}")
                    self.assertLessEqual(self.browser.script(OVERFLOW), 0)
                    self.assertEqual(self.browser.low_contrast(), [])
                    self.assertEqual(self.browser.unnamed(), [])
                    self.compare(f"{view}-{width}-{scheme}")

    def compare(self, name):
        file = GOLDEN / f"{name}.png"
        picture = self.browser.picture(SCALE)
        if os.environ.get("UPDATE_GOLDEN"):
            file.parent.mkdir(exist_ok=True)
            file.write_bytes(picture)
            return
        seen, kept = pixels(picture), pixels(file.read_bytes())
        self.assertEqual(seen.shape, kept.shape)
        different = (numpy.abs(seen - kept).max(axis=2) > DIFFERENT).mean()
        self.assertLessEqual(different, PLACES_MAX, f"{different:.1%} of {file.name} look otherwise; UPDATE_GOLDEN=1 keeps what is seen now")

    def test_a_picture_that_differs_is_told_from_one_that_does_not(self):
        self.open("processes")
        before = pixels(self.browser.picture(SCALE))
        self.assertGreater(len(numpy.unique(before.reshape(-1, 3), axis=0)), 20)
        self.browser.script("document.querySelector('table').remove()")
        after = pixels(self.browser.picture(SCALE))
        self.assertGreater((numpy.abs(before - after).max(axis=2) > DIFFERENT).mean(), 0.0)

    def test_flame_boxes_begin_above_a_third_of_the_window(self):
        for width, height in ((400, 700), (1280, 800), (2560, 1440)):
            self.browser.resize(width, height)
            self.open("flame")
            top = self.browser.script("return document.querySelector('#flame-rows').getBoundingClientRect().top")
            self.assertTrue(0 <= top < height / 3, f"{width}x{height}: {top}")
        self.browser.resize(1280, 800)

    def test_hundreds_of_processes_are_listed_and_sorted(self):
        for count in (1, 40, 400):
            self.server.scene = Scene(count)
            self.open("processes")
            self.browser.wait_for("return document.querySelectorAll('tbody tr').length === arguments[0]", count)
            growth = self.browser.texts("tbody td:nth-child(5)")
            self.assertEqual(growth[0], "+40.0 MiB/h")
            self.assertEqual(self.browser.text("th[aria-sort=descending]"), "Growth")
            self.assertEqual(self.browser.count("svg.spark polyline"), count)

    def test_checks_show_what_their_runs_keep(self):
        self.open("checks")
        self.browser.named("th button", "Check").click()
        self.browser.named("th button", "Check").click()
        rows = self.browser.script("return [...document.querySelectorAll('tbody tr')].map(row => [...row.children].map(cell => cell.textContent.trim()))")
        self.assertEqual([row[0] for row in rows], ["disk_usage", "go_expvar", "memory"])
        titles = self.browser.texts("thead th")
        disk = dict(zip(titles, rows[0]))
        self.assertEqual((disk["Kept in Python"].split("MiB")[1], disk["Verdict"]), ("+2.2 KiB per run", "python: keeps 2.2 KiB each run"))
        self.assertEqual(dict(zip(titles, rows[1]))["Last error"], "http://10.0.0.2:6060/debug/vars: connection refused")
        self.assertEqual(dict(zip(titles, rows[2]))["Kept in native memory"], "\u2013")
        self.browser.named("tbody a", "disk_usage").click()
        self.browser.wait_for("return document.querySelectorAll('.chart canvas').length > 0")
        self.assertIn("life=201", self.browser.url)
        self.assertIn("python", " ".join(self.browser.texts("td .key")))
        # Running totals are shown as what came in each interval.
        runs = self.browser.script("return [...document.querySelectorAll('tbody tr')].find(row => row.textContent.includes('runs per interval')).children[2].textContent")
        self.assertEqual(runs, "4")

    def test_targets_show_their_go_heap_pauses_and_goroutines(self):
        self.open("targets")
        titles = self.browser.texts("thead th")
        rows = self.browser.script("return [...document.querySelectorAll('tbody tr')].map(row => [...row.children].map(cell => cell.textContent.trim()))")
        self.assertEqual(len(rows), 3)
        second = dict(zip(titles, next(row for row in rows if "10.0.0.1:" in row[0])))
        self.assertEqual((second["Up"], second["Goroutines"], second["GC pauses"], second["Longest"], second["Errors"]), ("yes", "41", "121", "410 \u00b5s", "0"))
        down = dict(zip(titles, next(row for row in rows if "10.0.0.2:" in row[0])))
        self.assertEqual((down["Up"], down["Heap"], down["Errors"]), ("no", "\u2013", "6"))

    def test_a_part_of_the_growth_leads_to_the_flame_graph_of_the_difference(self):
        self.open("brushed")
        self.browser.one(".bar button").click()
        self.browser.wait_for("return document.querySelectorAll('.flame-box').length > 3")
        self.assertIn("flame=go", self.browser.url)
        self.assertRegex(self.browser.text("#flame h2"), "^Flame graph of the difference")
        texts = self.browser.texts(".flame-box")
        self.assertIn("+ store.(*Map).grow", texts)
        self.assertIn("\u2212 serve.Handle", texts)

    def test_the_flame_graph_keeps_its_choice_in_the_address_and_offers_a_command(self):
        self.open("flame")
        self.browser.with_text(".flame-box", "cart.(*Cart).Add").click()
        self.assertIn("#zoom=", self.browser.url)
        self.assertRegex(self.browser.text(".flame-actions"), "Copy command")
        self.assertRegex(self.browser.one(".flame-actions button").get_attribute("title"), r"^heapwatch pprof -peek '\^example\\.com")
        self.browser.back()
        self.browser.wait_for("return document.querySelectorAll('.flame-box.above').length === 0")
        self.assertEqual(self.browser.count(".chart canvas") > 0, True)

    def test_suspects_have_a_download_and_a_command_to_copy(self):
        self.open("process")
        link = self.browser.script("return [...document.querySelectorAll('#suspects a')].find(one => one.textContent === 'Download the profile').href")
        self.assertIn("api/v1/profile/4000?kind=go&at=", link)
        self.browser.script("navigator.clipboard.writeText = text => { window.copied = text; return Promise.resolve(); };")
        self.browser.named(".commands:last-child .command button", "Copy").click()
        self.browser.wait_for("return window.copied")
        self.assertEqual(self.browser.script("return window.copied"), f"heapwatch pprof -top '{link}'")

    def test_the_chart_has_a_table_for_who_does_not_see_it(self):
        self.open("process")
        self.browser.one(".numbers summary").click()
        self.browser.wait_for("return document.querySelectorAll('.numbers tbody tr').length === 11")
        self.assertIn("go heap live", self.browser.texts(".numbers tbody td:first-child"))

    def test_the_present_is_that_of_the_answers_and_a_file_is_not_polled(self):
        self.open("processes")
        asked = [url for url in self.browser.requests() if "processes?" in url]
        self.assertTrue(asked[-1].endswith(f"from={CLOCK - 3600_000}&to={CLOCK}"), asked)
        self.assertFalse(self.browser.one("#pause").is_displayed())

    def test_trouble_of_the_history_is_told(self):
        self.server.scene = Scene(trouble="/var/lib/heapwatch/history.db: no space left on device")
        self.open("processes")
        self.assertEqual(self.browser.text(".trouble"), "History stands still: /var/lib/heapwatch/history.db: no space left on device")

    def test_a_process_is_watched_by_its_pid(self):
        self.open("processes")
        self.browser.fill("#watch-pid", "77")
        self.browser.named(".watch button", "Watch").click()
        self.browser.wait_for("return document.querySelector('.watch [role=status]').textContent === 'shopd is watched from now on.'")
        self.assertEqual(self.server.posted, [("/api/v1/watch/77", "application/json", "{}")])

    def test_a_view_is_saved_as_one_file_that_needs_nobody(self):
        for view in ("processes", "process", "flame"):
            self.open(view)
            saved = self.browser.script("return savedPage({ view: arguments[0], odd: '</script>' })", view)
            file = pathlib.Path(self.browser.folder) / "saved.html"
            file.write_text(saved)
            words = self.browser.text("main").split()[:30]
            self.browser.open("about:blank")
            self.browser.requests()
            self.browser.open(f"file://{file}")
            self.assertEqual([url for url in self.browser.requests() if not url.startswith("data:")], [f"file://{file}"])
            self.assertEqual(self.browser.text("main").split()[:30], words)
            self.assertEqual(self.browser.script("return [...document.scripts].map(one => one.type)"), ["application/json"])
            self.assertEqual(json.loads(self.browser.text("#data"))["view"], view)
            if view == "process":
                self.assertGreater(self.browser.script("return document.querySelector('.chart img').naturalWidth"), 300)
            self.assertLessEqual(self.browser.script(OVERFLOW), 0)
            self.browser.shoot(f"saved-{view}")

    def test_the_button_saves_the_page(self):
        folder = pathlib.Path(self.browser.folder) / "saved"
        folder.mkdir()
        self.browser.command("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(folder))
        self.open("process")
        self.browser.one("#save").click()
        file = wait_until(lambda: next(iter(folder.glob("*.html")), None), "the file")
        self.assertEqual(file.name, "shopd-4000-heapwatch.html")
        data = wait_until(lambda: re.search(r'<script type="application/json" id="data">(.*?)</script>', file.read_text(), re.DOTALL), "its end")
        self.assertEqual(json.loads(data.group(1))["suspects"]["verdict"]["verdict"], "leak")

    def test_keys_move_the_two_moments_and_escape_takes_them_back(self):
        self.open("process")
        self.browser.focus(self.browser.one(".chart"))
        self.browser.press(Keys.ARROW_LEFT)
        self.browser.wait_for_url(r"from=\d+&until=\d+")
        self.browser.press(Keys.ESCAPE)
        self.browser.wait_for("return !location.search.includes('until')")


if __name__ == "__main__":
    unittest.main()
