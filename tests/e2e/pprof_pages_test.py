"""The pages of heapwatch pprof but the flame graph in a real browser: they open, search and switch what is measured."""
import http.server
import pathlib
import re
import sys
import threading
import unittest
import urllib.error
import urllib.request

from pprof_site import BAR, Pages, PagesCase
from selenium.webdriver.common.keys import Keys

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


class PagesTest(PagesCase):
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


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
