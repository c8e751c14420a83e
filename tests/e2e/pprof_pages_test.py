"""The pages of heapwatch pprof in a real browser: they open, search, zoom and switch what is measured, and nothing overlaps.

HEAPWATCH_SCREENSHOTS=folder keeps what was seen.
"""
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest
import urllib.error
import urllib.request

from real_parts import GoProgram

from agent import clean_environment, fetch
from browser import Browser
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
        pages = Pages(cls.profile, cls.environment)
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
        self.assertEqual(status("POST", Origin=site, **{"Sec-Fetch-Site": "same-origin"}), 200)
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
