"""The flame graph of heapwatch pprof in a real browser: it searches, zooms and moves, and nothing overlaps."""
import colorsys
import pathlib
import re
import sys
import unittest
import urllib.parse

from pprof_site import BAR, PagesCase

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1] / "pprof"))

from made_profiles import message, number
from selenium.webdriver.common.keys import Keys


class FlameTest(PagesCase):
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


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
