"""The pages of heapwatch pprof in a real browser: they open, search, zoom and switch what is measured, and nothing overlaps.

HEAPWATCH_SCREENSHOTS=folder keeps what was seen.
"""
import colorsys
import http.server
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import threading
import unittest
import urllib.error
import urllib.parse
import urllib.request

from real_parts import GoProgram

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1] / "pprof"))

from agent import clean_environment, fetch
from browser import Browser
from made_profiles import message, number
from selenium.webdriver.common.keys import Keys

PROGRAM, GO_TARGET = sys.argv[1:3]
BAR = "#bar a, #bar select, #bar input, #bar button, #bar .brand"
# What is written, in which color and on which: [what, ink, paper].
INK_AND_PAPER = """
return [...document.querySelectorAll('body, #bar a, #bar button, #bar select, #bar input, .legend, th, td, pre, .flame-box')].map(one => {
  let behind = one;
  while (getComputedStyle(behind).backgroundColor === 'rgba(0, 0, 0, 0)' && behind.parentElement) behind = behind.parentElement;
  return [`${one.tagName} ${one.className} ${one.textContent.slice(0, 30)}`, getComputedStyle(one).color,
    getComputedStyle(behind).backgroundColor];
});
"""
OUTSIDE = """
return [...document.querySelectorAll('#graph g.node')].flatMap(node => {
  const frame = node.querySelector('polygon').getBBox();
  return [...node.querySelectorAll('text')].filter(text => {
    const box = text.getBBox();
    return box.x < frame.x - 1 || box.x + box.width > frame.x + frame.width + 1;
  }).map(text => text.textContent);
});
"""


def lightness(color):
    """The relative luminance of `rgb(...)`, by the rules for contrast on the web."""
    parts = [int(number) / 255 for number in re.findall(r"\d+", color)[:3]]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return sum(part * share for part, share in zip(linear, (0.2126, 0.7152, 0.0722)))


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


class Prefixed:
    """Another server that has the pages below a path of its own."""

    def __init__(self, site, prefix):
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):  # noqa: N802
                if not self.path.startswith(prefix + "/"):
                    self.send_error(404)
                    return
                opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), NotFollowed())
                try:
                    answer = opener.open(site + self.path.removeprefix(prefix), timeout=60)
                except urllib.error.HTTPError as error:
                    answer = error
                with answer:
                    body = answer.read()
                    self.send_response(answer.status)
                    for name in ("Content-Type", "Content-Security-Policy", "Location"):
                        if answer.headers[name]:
                            self.send_header(name, answer.headers[name])
                    self.end_headers()
                    self.wfile.write(body)

            def log_message(self, *_):
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._prefix = prefix

    def __enter__(self):
        self._thread.start()
        return f"http://127.0.0.1:{self._server.server_port}{self._prefix}"

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class NotFollowed(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None


class PagesTest(unittest.TestCase):
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

    def check_flame_graph(self, name):
        page = self.page
        self.assertGreater(self.boxes(), 5)
        self.assertEqual(page.overlaps(".flame-box"), [])
        page.shoot(name)
        small = page.script("return [...document.querySelectorAll('.flame-box')].filter(box => box.textContent && "
                            "parseFloat(getComputedStyle(box).fontSize) < 11).length")
        self.assertEqual(small, 0, "text that is too small to read")

        search = "#search, #flame-search"
        page.fill(search, "main\\.main")
        self.assertRegex(page.text("#flame-found"), r"^\d+ box( matches|es match): [\d.]+[kM]?B, [\d.]+%$")
        self.assertGreater(page.count(".flame-box.found"), 0)
        page.shoot(f"{name}-search")
        page.fill(search, "(")
        self.assertEqual(page.count(".flame-box.found"), 0)
        page.fill(search, "")

        everything = self.boxes()
        narrow = page.with_text(".flame-box", "main.main.func")
        width = narrow.rect["width"]
        narrow.click()
        zoomed = page.with_text(".flame-box:not(.above)", "main.main.func")
        full = page.one("#flame-rows").rect["width"]
        self.assertLess(abs(zoomed.rect["width"] - full), 3)
        self.assertLessEqual(width, full)
        self.assertGreater(page.count(".flame-box.above"), 0)
        self.assertRegex(page.text("#flame-about"), r"main\.main\.func\d")
        page.shoot(f"{name}-zoom")
        page.press(Keys.ESCAPE)
        self.assertEqual(self.boxes(), everything)
        self.assertFalse(page.one("#flame-reset").is_enabled())

    def test_the_server_leads_to_a_flame_graph_that_searches_and_zooms(self):
        self.page.open(self.site)
        self.assertEqual(self.page.url, f"{self.site}/ui/flamegraph")
        self.check_flame_graph("flamegraph")
        self.open("flamegraph?p=main\\.main\\.func")
        self.assertRegex(self.page.text("#flame-about"), r"^main\.main\.func\d")
        self.assertEqual(self.page.overlaps(BAR), [])

    def test_keys_move_through_the_flame_graph_zoom_and_show_all_again(self):
        page = self.page
        self.open("flamegraph")

        def focused():
            return page.script("return document.activeElement.getAttribute('aria-label')")

        page.focus(page.one(".flame-box"))
        self.assertRegex(focused(), r"^all, [\d.]+[kM]B$")
        page.press(Keys.ARROW_DOWN)
        below = focused()
        self.assertRegex(below, r"^(?!all).+, [\d.]+[kM]B$")
        self.assertTrue(below.startswith(page.text("#flame-about b")), below)
        page.press(Keys.ARROW_RIGHT)
        beside = focused()
        self.assertNotEqual(beside, below)
        page.press(Keys.ARROW_LEFT)
        self.assertEqual(focused(), below)
        page.press(Keys.ARROW_RIGHT)
        page.press(Keys.ENTER)
        self.assertEqual(focused(), beside)
        self.assertEqual(page.count(".flame-box.above"), 1)
        page.press(Keys.ARROW_UP)
        self.assertRegex(focused(), r"^all, ")
        page.press(Keys.ESCAPE)
        self.assertEqual(page.count(".flame-box.above"), 0)
        self.assertEqual(page.count('.flame-box[tabindex="0"]'), 1)

    def test_choosing_a_sample_type_shows_the_page_for_it(self):
        page = self.page
        self.open("flamegraph")
        page.choose("#sample", "alloc_objects")
        page.wait_for_url(r"/ui/flamegraph\?si=alloc_objects$")
        self.step_aside()
        self.assertEqual(page.value("#sample"), "alloc_objects")
        self.assertRegex(page.text("#flame-about"), "alloc_objects")
        self.assertNotRegex(page.text("#flame-about"), "[kM]B")
        page.named("#bar a", "Top").click()
        page.wait_for_url(r"/ui/top")
        self.assertEqual(page.url, f"{self.site}/ui/top?si=alloc_objects")

    def test_the_table_sorts_searches_and_refines(self):
        page = self.page
        self.open("top")

        def names():
            return page.texts("#rows tbody tr td:last-child")

        before = names()
        self.assertGreater(len(before), 3)
        page.named("th", "Name").click()
        self.assertEqual(names(), sorted(before, key=lambda name: re.sub(r" \(.*inline\)$", "", name)))
        page.fill("#search", "runtime")
        self.assertGreater(page.count("tr.found"), 0)
        page.fill("#search", "")
        page.with_text("#rows tbody tr", "main.main.func").click()
        self.assertRegex(page.value("#search"), r"^\^main\\\.main\\\.func\d+\$$")
        page.shoot("top")
        page.named("#bar button", "Focus").click()
        page.wait_for_url(r"[?&]f=")
        self.assertRegex(page.text(".legend"), r"focus=\^main")
        self.assertRegex(page.text(".chip"), r"^focus=\^main")
        page.one(".chip button").click()
        page.wait_for_url(f"^{re.escape(self.site)}/ui/top$")
        self.assertEqual(names(), before)

    def test_the_graph_is_drawn_its_texts_inside_their_boxes(self):
        page = self.page
        self.open("graph")
        page.wait_for("return document.body.dataset.ready === 'graph'")
        self.assertGreater(page.count("#graph g.node"), 2)
        self.assertEqual(page.script(OUTSIDE), [])
        self.assertEqual(page.overlaps("#graph g.node"), [])
        place = page.script("return document.querySelector('#graph svg').style.transform")
        page.turn_wheel(640, 400, -300)
        page.wait_for("return document.querySelector('#graph svg').style.transform !== arguments[0]", place)
        page.fill("#search", "main.main")
        self.assertGreater(page.count("g.node.found"), 0)
        page.shoot("graph")
        page.fill("#search", "")
        node = page.with_text("g.node", "func")
        page.focus(node)
        page.press(Keys.ENTER)
        self.assertEqual(page.count("g.node.chosen"), 1)
        self.assertRegex(page.value("#search"), r"^\^main\\\.main\\\.func\d+\$$")

    def test_peek_and_source_show_what_the_expression_names(self):
        page = self.page
        self.open("peek")
        page.fill("form.pattern input", "main.main.func")
        page.one("form.pattern button").click()
        page.wait_for_url(r"[?&]f=")
        self.assertRegex(page.text("pre.text"), r"\| main\.main\.func\d")
        page.shoot("peek")
        page.named("#bar a", "Source").click()
        page.wait_for_url("/ui/source")
        self.assertRegex(page.text("pre.text"), r"ROUTINE =+ main\.main\.func\d")
        page.shoot("source")

    def test_a_wrong_expression_is_told_on_the_page_where_it_can_be_put_right(self):
        page = self.page
        self.open("source?f=nothing_has_this_name")
        self.assertEqual(page.text("[role=alert]"), "no matches found for regexp: nothing_has_this_name")
        page.fill("form.pattern input", "main.main.func")
        page.press(Keys.ENTER)
        page.wait_for_url("f=main")
        self.assertRegex(page.text("pre.text"), r"ROUTINE =+ main\.main\.func\d")
        self.open("top?i=(")
        self.assertRegex(page.text("[role=alert]"), "^parsing ignore regexp: ")
        page.one(".chip button").click()
        page.wait_for_url(f"^{re.escape(self.site)}/ui/top$")
        self.assertEqual(page.count("[role=alert]"), 0)
        for told in page.complaints():
            self.assertRegex(told, r"400 \(Bad Request\)")

    def test_the_table_is_worked_with_keys(self):
        page = self.page
        self.open("top")
        page.focus(page.named("th", "Name"))
        page.press(Keys.ENTER)
        self.assertEqual(page.text("th[aria-sort=ascending]"), "Name")
        names = page.texts("#rows tbody tr td:last-child")
        self.assertLess(names[0], names[-1])
        page.focus(page.all("#rows tbody tr")[1])
        page.press(Keys.SPACE)
        self.assertEqual(page.all("#rows tbody tr")[1].get_attribute("class"), "chosen")
        self.assertNotEqual(page.value("#search"), "")

    def test_pages_are_readable_in_the_light_and_in_the_dark(self):
        page = self.page
        self.addCleanup(page.prefer, "")
        for scheme in ("light", "dark"):
            page.prefer(scheme)
            for name in ("flamegraph", "top", "peek?f=main", "graph"):
                self.open(name)
                page.shoot(f"{name.split('?')[0]}-{scheme}")
                seen = page.script(INK_AND_PAPER)
                self.assertEqual(lightness(seen[0][2]) < 0.1, scheme == "dark")
                for what, ink, paper in seen:
                    darker, lighter = sorted((lightness(ink), lightness(paper)))
                    self.assertGreaterEqual((lighter + 0.05) / (darker + 0.05), 4.5, f"{name} {scheme}: {what}: {ink} on {paper}")

    def test_pages_fit_on_narrow_screens(self):
        page = self.page
        self.addCleanup(page.resize, 1280, 800)
        page.resize(400, 700)
        for name in ("flamegraph", "top", "peek?f=main", "graph"):
            self.open(name)
            self.assertTrue(page.script("return document.documentElement.scrollWidth <= innerWidth"), name)
            self.assertEqual(page.overlaps(BAR), [])
            page.shoot(f"{name.split('?')[0]}-narrow")

    def test_options_are_saved_under_a_name_chosen_and_deleted(self):
        page = self.page
        self.open("top?n=2&sort=cum")

        def shown():
            return page.count("#rows tbody tr")

        def save(button):
            page.one(button).click()
            page.answer("two by cum")

        self.assertEqual(shown(), 2)
        page.reloaded_by(lambda: save("#save"))
        self.open("top")
        self.assertGreater(shown(), 2)
        page.choose("#config", "two by cum")
        page.wait_for_url(f"^{re.escape(self.site)}/ui/top\\?n=2&sort=cum$")
        self.assertEqual(shown(), 2)
        page.reloaded_by(lambda: save("#delete"))
        self.assertEqual(page.texts("#config option"), ["Config", "Default"])

    def test_the_flame_graph_in_a_file_needs_nobody_and_has_every_sample_type(self):
        page = self.page
        file = f"{self.folder}/flame.html"
        self.heapwatch("-flame", f"-output={file}", self.profile)
        page.open("about:blank")
        page.requests()
        page.open(f"file://{file}")
        self.check_flame_graph("flame-file")
        self.assertEqual(page.texts("#flame-type option"), ["inuse_space", "alloc_objects", "alloc_space", "inuse_objects"])
        self.step_aside()
        space = page.text("#flame-about")
        page.choose("#flame-type", "alloc_objects")
        self.step_aside()
        objects = page.text("#flame-about")
        self.assertNotEqual(objects, space)
        self.assertRegex(objects, r"^all \d+ \(100% of all\)alloc_objects$")
        self.assertEqual(page.requests(), [f"file://{file}"])

    def test_what_is_too_narrow_to_be_drawn_is_hatched_and_comes_nearer_with_clicks(self):
        page = self.page
        text = "goroutine profile: total 6000\n" + "".join(
            f"2 @ 0x{4096 + i * 16:x}\n#\t0x{4095 + i * 16:x}\tmain.wide{i}+0x0\t/src/wide.go:{i + 1}\n\n" for i in range(3000))
        pathlib.Path(self.folder, "wide.txt").write_text(text)
        file = f"{self.folder}/wide.html"
        self.heapwatch("-flame", f"-output={file}", f"{self.folder}/wide.txt")
        page.open(f"file://{file}")
        self.assertEqual(self.boxes(), 1)
        page.one(".flame-rest.nearer").click()
        self.assertGreater(self.boxes(), 20)
        self.assertEqual(page.overlaps(".flame-box"), [])
        page.all('.flame-box[aria-label^="main.wide"]')[5].click()
        self.assertRegex(page.text("#flame-about"), r"^main\.wide\d+ 2 \(0\.033% of all\)")
        page.one("#flame-reset").click()
        self.assertEqual(self.boxes(), 1)

    def test_a_difference_shows_what_grew_and_what_shrank(self):
        file = f"{self.folder}/diff.html"
        self.heapwatch("-flame", f"-diff_base={self.profile}", f"-output={file}", self.profile)
        self.page.open(f"file://{file}")
        self.step_aside()
        self.page.wait_for(r"return /^all 0 .*\+[\d.]+MB \u2212[\d.]+MB/.test(document.getElementById('flame-about').textContent)")

    def made(self, name, samples):
        """A profile of `samples`: [(functions from the outermost on, bytes, {label: text})]."""
        texts = ["", "space", "bytes"]

        def text(what):
            if what not in texts:
                texts.append(what)
            return texts.index(what)

        functions, body = [], b""
        for frames, value, labels in samples:
            for frame in frames:
                if frame not in functions:
                    functions.append(frame)
            ids = b"".join(number(1, functions.index(frame) + 1) for frame in reversed(frames))
            tags = b"".join(message(3, number(1, text(key)) + number(2, text(what))) for key, what in labels.items())
            body += message(2, ids + number(2, value & (1 << 64) - 1) + tags)
        for place, function in enumerate(functions, 1):
            body += message(4, number(1, place) + message(4, number(1, place) + number(2, 1)))
            body += message(5, number(1, place) + number(2, text(function)) + number(4, text(f"/src/{function}.go")))
        body += message(1, number(1, text("space")) + number(2, text("bytes")))
        body += b"".join(message(6, what.encode()) for what in texts)
        path = f"{self.folder}/{name}"
        pathlib.Path(path).write_bytes(body)
        return path

    def open_flame(self, name, *arguments):
        file = f"{self.folder}/{name}.html"
        self.heapwatch("-flame", f"-output={file}", *arguments)
        self.page.open("about:blank")
        self.page.open(f"file://{file}")

    def labels(self):
        return self.page.script("return [...document.querySelectorAll('.flame-box')].map(box => box.getAttribute('aria-label'))")

    def rows_of(self):
        """The boxes from top to bottom, as their labels by rows."""
        return self.page.script("""
const rows = new Map();
for (const box of document.querySelectorAll('.flame-box')) {
  const top = box.getBoundingClientRect().top;
  rows.set(top, [...(rows.get(top) || []), box.getAttribute('aria-label')].sort());
}
return [...rows].sort((a, b) => a[0] - b[0]).map(row => row[1]);""")

    def test_the_boxes_begin_above_a_third_of_the_window(self):
        self.addCleanup(self.page.resize, 1280, 800)
        for width, height in ((400, 700), (1280, 800), (3840, 2160)):
            self.page.resize(width, height)
            self.open("flamegraph")
            top = self.page.script("return document.querySelector('#flame-rows').getBoundingClientRect().top")
            self.assertLess(top, height / 3, f"{width}x{height}")
            self.page.shoot(f"flamegraph-{width}")
            before = self.made("less", [(["main", "grew"], 10, {}), (["main", "shrank"], 50, {})])
            after = self.made("more", [(["main", "grew"], 90, {}), (["main", "shrank"], 20, {})])
            self.open_flame("offset", f"-diff_base={before}", after)
            top = self.page.script("return document.querySelector('#flame-rows').getBoundingClientRect().top")
            self.assertLess(top, height / 3, f"the difference at {width}x{height}")

    def test_the_callers_of_a_function_stand_above_it_and_its_callees_below(self):
        page = self.page
        path = self.made("calls", [(["main", "a", "work", "alloc"], 60, {}), (["main", "b", "work"], 30, {}),
                                   (["main", "b", "work", "c", "work", "alloc"], 10, {}), (["main", "other"], 100, {})])
        self.open_flame("calls", path)
        page.with_text(".flame-box", "work").click()
        page.one("#flame-callers").click()
        sandwich = [["main, 40B", "main, 60B"], ["a, 60B", "b, 40B"], ["work, 100B"], ["alloc, 60B", "c, 10B"], ["work, 10B"], ["alloc, 10B"]]
        self.assertEqual(self.rows_of(), sandwich)
        self.assertIn("#callers=work", page.url)
        page.shoot("callers")
        page.reloaded_by(lambda: page.script("location.reload()"))
        self.assertEqual(self.rows_of(), sandwich)
        # A caller is zoomed to while what the function calls stays as it is.
        page.named(".flame-box", "b").click()
        self.assertEqual(self.rows_of(), [["main, 40B"], ["b, 40B"], *sandwich[2:]])
        page.press(Keys.ESCAPE)
        self.assertEqual(self.rows_of()[0], ["all, 200B"])

    def test_focus_and_ignore_keep_and_leave_out_stacks(self):
        page = self.page
        path = self.made("cut", [(["main", "a", "x"], 60, {}), (["main", "b", "x"], 30, {}), (["main", "b"], 10, {})])
        self.open_flame("cut", path)
        page.fill("#flame-search", "^x$")
        self.assertEqual(page.text("#flame-found"), "2 boxes match: 90B, 90.00%")
        page.one("#flame-focus").click()
        self.assertEqual(self.rows_of(), [["all, 90B"], ["main, 90B"], ["a, 60B", "b, 30B"], ["x, 30B", "x, 60B"]])
        page.named(".flame-box", "a").click()
        self.assertTrue(page.text("#flame-about").startswith("a 60B"))
        page.one("#flame-ignore").click()
        self.assertEqual(self.rows_of(), [["all, 30B"], ["main, 30B"], ["b, 30B"], ["x, 30B"]])
        self.assertEqual(page.texts(".flame-chip"), ["focus ^x$\u00d7", "ignore ^a$\u00d7"])
        page.reloaded_by(lambda: page.script("location.reload()"))
        self.assertEqual(self.rows_of()[0], ["all, 30B"])
        page.one("#flame-reset").click()
        self.assertEqual(self.rows_of()[0], ["all, 100B"])

    def test_tags_are_chosen_from_a_menu(self):
        page = self.page
        path = self.made("tags", [(["main", "malloc"], 70, {"space": "native", "thread": "writer"}), (["main", "list"], 20, {"space": "python"}),
                                  (["main", "malloc"], 10, {"space": "native"})])
        self.open_flame("tags", path)
        self.assertEqual(page.texts("#flame-tag option"), ["All tags", "space: native", "space: python", "thread: writer"])
        page.choose("#flame-tag", "space: python")
        self.assertEqual(self.labels(), ["all, 20B", "main, 20B", "list, 20B"])
        page.choose("#flame-tag", "thread: writer")
        self.assertEqual(self.labels(), ["all, 70B", "main, 70B", "malloc, 70B"])
        self.assertIn("tag=thread%3Awriter", page.url)
        page.reloaded_by(lambda: page.script("location.reload()"))
        self.assertEqual(self.labels()[0], "all, 70B")

    def test_what_is_zoomed_to_is_in_the_address_and_the_way_back(self):
        page = self.page
        self.open("flamegraph")
        everything = self.boxes()
        page.with_text(".flame-box", "main.main.func").click()
        self.assertIn("#zoom=main.main.func", page.url)
        zoomed = self.rows_of()
        page.reloaded_by(lambda: page.script("location.reload()"))
        self.assertEqual(self.rows_of(), zoomed)
        page.back()
        page.wait_for("return document.querySelectorAll('.flame-box').length === arguments[0]", everything)

    def test_a_drag_moves_and_a_wheel_comes_nearer(self):
        page = self.page
        self.open_flame("wide", self.made("wide", [(["main", f"f{i:02}"], 100, {}) for i in range(40)]))
        everything = self.boxes()
        rows = page.one("#flame-rows")
        page.script("const area = arguments[0].getBoundingClientRect(); arguments[0].dispatchEvent(new WheelEvent('wheel', "
                    "{ deltaY: -400, ctrlKey: true, clientX: area.left, clientY: 1, bubbles: true, cancelable: true }));", rows)
        page.wait_for("const count = document.querySelectorAll('.flame-box').length; return count > 5 && count < arguments[0]", everything)
        self.assertIn("f00, 100B", self.labels())
        page.drag(rows, 200, -400)
        page.wait_for("return !document.querySelector('.flame-layer').hidden && "
                      "![...document.querySelectorAll('.flame-box')].some(box => box.textContent === 'f00')")
        self.assertEqual(len(page.url.split("#")), 1, "a drag is no press")

    def test_the_table_beside_it_sorts_and_leads_on(self):
        page = self.page
        page.resize(1600, 900)
        self.addCleanup(page.resize, 1280, 800)
        self.open("flamegraph")
        page.wait_for("return document.querySelectorAll('#flame-table tbody tr').length > 3")
        self.assertLess(page.one("#flame-rows").rect["width"], page.one("#flame-table").rect["x"])

        def column(place):
            return page.texts(f"#flame-table tbody td:nth-child({place})")

        self.assertEqual(page.text("#flame-table th[aria-sort=descending]"), "Self")
        page.named("#flame-table th button", "Function").click()
        self.assertEqual(page.text("#flame-table th[aria-sort=ascending]"), "Function")
        titles = [title.split(": show")[0] for title in page.script("return [...document.querySelectorAll('.flame-name')].map(one => one.title)")]
        self.assertEqual(titles, sorted(titles))
        page.named("#flame-table th button", "Total").click()
        self.assertEqual(page.text("#flame-table th[aria-sort=descending]"), "Total")
        links = page.script("return [...document.querySelectorAll('#flame-table tbody tr:first-child a')].map(one => one.getAttribute('href'))")
        self.assertRegex(links[0], r"^source\?f=")
        self.assertRegex(links[1], r"^peek\?f=")
        name = page.script("const button = document.querySelector('#flame-table .flame-name'); const name = button.title.split(':')[0]; button.click(); return name;")
        self.assertIn("callers=" + name, urllib.parse.unquote(page.url))
        self.assertEqual(page.unnamed(), [])

    def test_a_difference_is_orange_where_it_grew_and_blue_where_it_shrank_with_signs(self):
        page = self.page
        before = self.made("before", [(["main", "grew"], 10, {}), (["main", "shrank"], 50, {}), (["main", "turned", "a"], 40, {})])
        after = self.made("after", [(["main", "grew"], 90, {}), (["main", "shrank"], 20, {}), (["main", "turned", "b"], 60, {})])
        self.open_flame("signs", f"-diff_base={before}", after)
        page.shoot("difference")
        seen = page.script("""
return Object.fromEntries([...document.querySelectorAll('.flame-box')].map(box => [box.getAttribute('aria-label'),
  [box.textContent[0], getComputedStyle(box).backgroundColor, getComputedStyle(box).backgroundImage]]));""")
        orange, blue = "rgb(240, 160, 75)", "rgb(121, 178, 238)"

        def check(label, sign, color, share):
            self.assertIn(label, seen)
            self.assertEqual(seen[label][0], sign)
            self.assertIn(f"{color} {share}%", seen[label][2])

        # 90 came and 10 went: four fifths of the box are what is more now.
        check("grew, +80B", "+", orange, 80)
        check("shrank, \u221230B", "\u2212", blue, 42.9)
        check("turned, +20B", "+", orange, 20)
        self.assertEqual(page.low_contrast(), [])

    def test_colours_tell_packages_apart_round_the_whole_circle(self):
        names = [f"example.com/{name}.Run" for name in ("store", "cache", "net", "http", "json", "yaml", "disk", "lock", "page", "tree", "heap", "ring")]
        self.open_flame("colors", self.made("colors", [(["main.main", name], 100, {}) for name in names]))
        colors = self.page.script("return [...document.querySelectorAll('.flame-box')].filter(box => box.ariaLabel.includes('Run')).map(box => getComputedStyle(box).backgroundColor)")
        hues = sorted(colorsys.rgb_to_hls(*(int(part) / 255 for part in re.findall(r"\d+", color)))[0] * 360 for color in colors)
        gaps = [b - a for a, b in zip(hues, [*hues[1:], hues[0] + 360])]
        self.assertLess(max(gaps), 150, hues)
        self.page.choose("#flame-color", "Colour: space")
        self.assertIn("color=space", self.page.url)

    def test_the_source_page_marks_the_lines_that_weigh_most(self):
        page = self.page
        self.open("source?f=main.main.func")
        page.wait_for("return document.querySelector('.heat-5') !== null")
        hottest = page.text(".hot button").split(":")[0]
        self.assertTrue(any(re.match(rf" *\S+ +\S+ +{hottest}:", line) for line in page.texts(".heat-5")))
        self.assertEqual(page.low_contrast(), [])

    def test_the_graph_fits_in_and_comes_nearer_with_buttons_and_keys(self):
        page = self.page
        self.open("graph")
        page.wait_for("return document.body.dataset.ready === 'graph'")

        def scale():
            return float(re.search(r"scale\(([\d.]+)\)", page.script("return document.querySelector('#graph svg').style.transform")).group(1))

        whole = page.script("const [svg, frame] = ['#graph svg', '#graph'].map(name => document.querySelector(name).getBoundingClientRect());"
                            "return svg.left >= frame.left - 1 && svg.right <= frame.right + 1 && svg.top >= frame.top - 1 && svg.bottom <= frame.bottom + 1")
        self.assertTrue(whole)
        fits = scale()
        page.one("#zoom-in").click()
        self.assertAlmostEqual(scale(), fits * 1.25, places=3)
        page.focus(page.one("#graph"))
        page.press("-")
        self.assertAlmostEqual(scale(), fits, places=3)
        page.press("1")
        self.assertAlmostEqual(scale(), 1, places=3)
        page.one("#fit").click()
        self.assertAlmostEqual(scale(), fits, places=3)

    def test_titles_name_the_profile(self):
        for name, title in (("flamegraph", "Flame graph"), ("top", "Top"), ("graph", "Graph")):
            self.open(name)
            self.assertRegex(self.page.script("return document.title"), rf"^\S+ inuse_space - {title} - heapwatch pprof$")

    def test_everything_has_a_name_for_who_does_not_see_it(self):
        for name in ("flamegraph", "top", "peek?f=main", "source?f=main.main.func", "graph"):
            self.open(name)
            self.assertEqual(self.page.unnamed(), [], name)

    def test_the_pages_live_behind_a_path_of_another_server(self):
        page = self.page
        with Prefixed(self.site, "/tools/pprof") as prefixed:
            page.open(prefixed + "/")
            self.assertEqual(page.url, prefixed + "/ui/flamegraph")
            self.assertGreater(self.boxes(), 5)
            for start in ("/ui", "/ui/", "/ui/flamegraph2"):
                page.open(prefixed + start + "?si=alloc_space")
                self.assertEqual(page.url, prefixed + "/ui/flamegraph?si=alloc_space")
            page.named("#bar a", "Top").click()
            page.wait_for_url("/tools/pprof/ui/top")
            self.assertGreater(page.count("#rows tbody tr"), 3)

    def test_the_picture_of_the_graph_can_be_zoomed(self):
        page = self.page
        file = f"{self.folder}/graph.svg"
        self.heapwatch("-svg", f"-output={file}", self.profile)
        page.open(f"file://{file}")
        place = page.script("return document.getElementById('viewport').getAttribute('transform')")
        self.assertRegex(place, r"^translate\(")
        page.turn_wheel(600, 300, -200)
        page.wait_for("return document.getElementById('viewport').getAttribute('transform') !== arguments[0]", place)
        page.shoot("svg")

    def test_a_graph_of_too_many_boxes_is_a_sentence_and_the_flame_graph(self):
        lines = "".join(f"1 @ 0x{4096 + i * 16:x}\n#\t0x{4095 + i * 16:x}\tmain.wide{i}+0x0\t/src/wide.go:{i + 1}\n\n" for i in range(2100))
        pathlib.Path(self.folder, "many.txt").write_text(f"goroutine profile: total 2100\n{lines}")
        pages = Pages(f"{self.folder}/many.txt", self.environment)
        self.addCleanup(pages.close)
        self.page.open(f"{pages.site}/ui/graph?n=2100&nf=0&ef=0")
        self.assertRegex(self.page.text(".warning"), r"^The graph cannot be drawn: a graph of 210\d boxes; at most 2000 are drawn\. "
                                                     r"This is the flame graph\.$")
        self.assertGreater(self.boxes(), 0)
        self.page.shoot("graph-too-large")


class ServedTest(unittest.TestCase):
    """What the server gives away, and what it lets others change."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name).resolve()

    def serve(self, files, *flags):
        """Serves a profile with a function f0, f1, ... in each file."""
        stacks = "".join(f"1 @ 0x{4097 + i * 16:x}\n#\t0x{4096 + i * 16:x}\tmain.f{i}+0x0\t{file}:1\n\n" for i, file in enumerate(files))
        (self.folder / "profile.txt").write_text(f"goroutine profile: total {len(files)}\n{stacks}")
        environment = clean_environment(HOME=str(self.folder), XDG_CONFIG_HOME=str(self.folder))
        pages = Pages(str(self.folder / "profile.txt"), environment, *flags)
        self.addCleanup(pages.close)
        return pages.site

    def test_only_files_below_the_source_path_are_shown(self):
        below, beside = self.folder / "src", self.folder / "src2"
        for folder in (below, beside):
            folder.mkdir()
            (folder / "a.go").write_text("what stands in it\n")
        (below / "link.go").symlink_to(beside / "a.go")
        files = [below / "a.go", beside / "a.go", f"{below}/../src2/a.go", below / "link.go"]
        site = self.serve(files, f"-source_path={below}")
        self.assertIn("what stands in it", fetch(f"{site}/ui/source?f=main.f0"))
        for number, why in ((1, f" is not below {below}; -source_path names what may be shown"), (2, "could not find file"),
                            (3, "could not find file")):
            shown = fetch(f"{site}/ui/source?f=main.f{number}&source_path=/")
            self.assertNotIn("what stands in it", shown)
            self.assertIn(why, shown)

    def test_options_are_saved_by_a_post_of_the_same_origin_alone(self):
        site = self.serve(["/a.go"])

        def status(method, **headers):
            request = urllib.request.Request(f"{site}/ui/saveconfig?config=mine&n=2", method=method, headers=headers)
            try:
                with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=60) as answer:
                    return answer.status
            except urllib.error.HTTPError as error:
                with error:
                    return error.code

        self.assertEqual(status("GET"), 405)
        self.assertEqual(status("POST", Origin="http://elsewhere.example"), 403)
        self.assertEqual(status("POST", **{"Sec-Fetch-Site": "cross-site"}), 403)
        self.assertFalse((self.folder / "pprof").exists())
        self.assertEqual(status("POST", Origin=site, **{"Sec-Fetch-Site": "same-origin"}), 415)
        self.assertFalse((self.folder / "pprof").exists())
        json_type = {"Content-Type": "application/json"}
        self.assertEqual(status("POST", Origin=site, **{"Sec-Fetch-Site": "same-origin"}, **json_type), 200)
        self.assertIn('"name":"mine"', fetch(f"{site}/ui/top"))


class WithoutGraphvizTest(unittest.TestCase):
    """dlopen() is replaced by one that does not find the library, or one of its plugins."""

    def shown_without(self, folder, missing):
        source = pathlib.Path(folder, "without.c")
        source.write_text('#define _GNU_SOURCE\n#include <dlfcn.h>\n#include <string.h>\n'
                          'void *dlopen(const char *name, int flags) {\n'
                          '  void *(*real)(const char *, int) = (void *(*)(const char *, int))dlsym(RTLD_NEXT, "dlopen");\n'
                          f'  return name && strstr(name, "{missing}") ? 0 : real(name, flags);\n}}\n')
        library = f"{folder}/without.so"
        subprocess.run(["gcc", "-shared", "-fPIC", "-o", library, source], check=True)
        pathlib.Path(folder, "heap.txt").write_text("goroutine profile: total 2\n2 @ 0x1000\n#\t0xfff\tmain.run+0x0\t/src/run.go:1\n")
        pages = Pages(f"{folder}/heap.txt", clean_environment(
            LD_PRELOAD=library, ASAN_OPTIONS="verify_asan_link_order=0", HOME=folder, XDG_CONFIG_HOME=folder))
        self.addCleanup(pages.close)
        return fetch(f"{pages.site}/ui/graph")

    def test_the_graph_page_says_so_and_shows_the_flame_graph(self):
        for missing, sentence in (("libgvc.so", "pictures of graphs need Graphviz's library, which is not installed "
                                                "(apt-get install libgvc6); -flame and -http work without it"),
                                  ("libgvplugin_dot_layout", "Graphviz: ")):
            with tempfile.TemporaryDirectory() as folder:
                shown = self.shown_without(folder, missing)
                self.assertIn(f'"warnings":["The graph cannot be drawn: {sentence}', shown)
                self.assertIn('This is the flame graph."]', shown)
                self.assertIn('"flame":{', shown)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
