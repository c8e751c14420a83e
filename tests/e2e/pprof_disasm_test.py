"""`heapwatch pprof -disasm` shows the instructions that `go tool pprof -disasm` shows, with the same values; `-weblist` makes a page."""
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "testing"))
from agent import clean_environment, run  # noqa: E402
from gperftools import heap_profile  # noqa: E402

PROGRAM = ""
SOURCES = pathlib.Path(__file__).resolve().parent.parent / "symbols" / "programs"
ROW = re.compile(r" *(\S+) +(\S+) +([0-9a-f]+): (.*?) *(?:;(.*))?$")


def parsed(text):
    """(header lines, [(flat, cum, address, place)], texts of instructions)."""
    headers, found, texts, place = [], [], [], ""
    for line in text.splitlines():
        if re.match(r" {74};", line):
            place = line.strip().removeprefix(";")
        elif match := ROW.match(line):
            found.append((match[1], match[2], int(match[3], 16), match[5] or place))
            texts.append(match[4])
            place = ""
        else:
            headers.append(line)
    return headers, found, texts


class DisasmTest(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="heapwatch-disasm-")
        cls.addClassCleanup(shutil.rmtree, cls.folder, ignore_errors=True)
        cls.environment = clean_environment(HOME=cls.folder, TZ="UTC")
        cls.program = cls.path("program")
        subprocess.run(["gcc", "-g", "-O0", "-o", cls.program, str(SOURCES / "inlined.c")], check=True)

    @classmethod
    def path(cls, name):
        return os.path.join(cls.folder, name)

    def profile(self, program, base=0, **options):
        return heap_profile(self.folder, program, base, **options)

    def ours(self, *args, code=0, **environment):
        done = run(PROGRAM, "pprof", *args, env={**self.environment, **environment})
        self.assertEqual(done.returncode, code, done.stderr)
        return done.stdout if code == 0 else done.stderr

    def theirs(self, *args):
        done = subprocess.run(["go", "tool", "pprof", "-symbolize=force", *args], capture_output=True, text=True, timeout=120,
                              env=self.environment)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def assert_same_rows(self, pattern, profile, least):
        arguments = [f"-disasm={pattern}", "-unit=B", profile]
        ours, theirs = self.ours(*arguments), self.theirs(*arguments)
        self.assertEqual(parsed(ours)[0], parsed(theirs)[0])
        # Go cuts a function one byte short: of its last instruction there is less, or another.
        for own, other in zip(ours.split("ROUTINE")[1:], theirs.split("ROUTINE")[1:]):
            (_, found, texts), (_, expected, _) = parsed(own), parsed(other)
            end = min(found[-1][2], expected[-1][2])
            found, expected = ([row for row in rows if row[2] < end] for rows in (found, expected))
            self.assertEqual([row[:3] for row in found], [row[:3] for row in expected])
            # The place is told where it changes: with the function where there are samples.
            self.assertEqual([row for row in found if row[0] != "." and row[3]],
                             [row for row in expected if row[0] != "." and row[3]])
            self.assertTrue(all(texts))
        self.assertGreater(len(parsed(ours)[1]), least)
        return arguments

    def test_c_has_the_rows_of_go_tool_pprof(self):
        # Debian's Go does not find instructions of a program that was moved.
        self.assert_same_rows("add_row", self.profile(self.program, step=3), 10)

    def test_several_functions_stand_by_their_names(self):
        self.assert_same_rows("row", self.profile(self.program, step=3), 30)

    def test_go_has_the_rows_of_go_tool_pprof(self):
        program = self.path("go")
        subprocess.run(["go", "build", "-buildmode=pie", "-o", program, "."], cwd=SOURCES / "go", check=True, timeout=240,
                       env={**os.environ, "GO111MODULE": "off", "GOFLAGS": "", "HOME": self.folder})
        profile = self.profile(program, step=5, only="main.copyText")
        arguments = self.assert_same_rows("main.copyText", profile, 50)
        found = parsed(self.ours(*arguments))[1]
        # Without symbols the functions are those of the table that Go programs carry.
        subprocess.run(["strip", program], check=True)
        # In that table a function ends where the next begins.
        stripped = [row[:3] for row in parsed(self.ours(*arguments))[1]]
        self.assertEqual([row for row in stripped if row in {row[:3] for row in found}], [row[:3] for row in found])
        self.assertLess(len(stripped) - len(found), 64)

    def test_syntax_and_targets(self):
        profile = self.profile(self.program, 0x560000000000)
        att = self.ours("-disasm=^add_row$", profile)
        intel = self.ours("-disasm=^add_row$", "-intel_syntax", profile)
        self.assertRegex(att, r": pushq %rbp ")
        self.assertRegex(intel, r": push rbp ")
        self.assertRegex(att, r": callq 0x[0-9a-f]+ <new_row>")
        self.assertRegex(att, r"(?m);add_row inlined\.c:\d+$")

    def test_an_address_names_the_function_around_it(self):
        profile = self.profile(self.program, 0x560000000000)
        whole = self.ours("-disasm=^add_row$", profile)
        address = parsed(whole)[1][3][2]
        self.assertEqual(self.ours(f"-disasm=0x{0x560000000000 + address:x}", profile), whole)
        self.assertEqual(self.ours(f"-disasm={address}", profile), whole)

    def test_what_is_not_there_is_said(self):
        profile = self.profile(self.program, 0x560000000000)
        self.assertEqual(self.ours("-disasm=no_such_function", profile, code=2),
                         "pprof: no matches found for regexp no_such_function\n")
        self.assertEqual(self.ours("-disasm=0x12", profile, code=2), "pprof: no matches found for address 0x12\n")
        folder = pathlib.Path(self.path("no_capstone"))
        folder.mkdir()
        (folder / "libcapstone.so.4").write_text("no library")
        self.assertEqual(
            self.ours("-disasm=^add_row$", profile, code=2, LD_LIBRARY_PATH=str(folder)),
            "pprof: instructions need capstone 4, which is not installed (apt-get install libcapstone4); "
            "-list shows source lines\n")
        # It is opened for instructions alone.
        self.assertIn("add_row", self.ours("-top", profile, LD_LIBRARY_PATH=str(folder)))

    def test_weblist_is_a_page_of_lines_and_their_instructions(self):
        profile = self.profile(self.program, 0x560000000000, step=3)
        output = self.path("page.html")
        self.ours("-weblist=^add_row$", "-unit=B", f"-output={output}", profile)
        page = pathlib.Path(output).read_text()
        self.assertIn("<h2>add_row</h2>", page)
        self.assertRegex(page, r'<p class="filename">\S+/inlined\.c</p>')
        line = next(number for number, text in enumerate((SOURCES / "inlined.c").read_text().splitlines(), 1)
                    if "= new_row(text);" in text)
        row = re.search(rf"<details><summary><span class=line> +{line}</span> <span class=live> *(\d+)B +(\d+)B  "
                        r"  struct row \*row = new_row\(text\);</span></summary><span class=asm>(.*?)</span></details>", page, re.S)
        self.assertIsNotNone(row, page)
        # The line weighs what its instructions weigh, and the function what its lines weigh.
        flats = [int(flat) for flat in re.findall(r"(?m)^ +(\d+)B +\d+B +[0-9a-f]+: ", row[3])]
        self.assertEqual(sum(flats), int(row[1]))
        self.assertIn("&lt;new_row&gt;", row[3])
        _, found, _ = parsed(self.ours("-disasm=^add_row$", "-unit=B", profile))
        total = sum(int(row[0].rstrip("B")) for row in found if row[0] != ".")
        self.assertEqual(int(re.search(r"Total: +(\d+)B", page.split("<h2>")[1])[1]), total)


if __name__ == "__main__":
    PROGRAM = os.path.abspath(sys.argv.pop(1))
    unittest.main()
