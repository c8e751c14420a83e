"""The server of the pages of heapwatch pprof: what it gives away, what it lets others change, what it shows without Graphviz."""
import pathlib
import subprocess
import sys
import tempfile
import unittest
import urllib.error
import urllib.request

from pprof_site import Pages

from agent import clean_environment, fetch


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
