"""What `heapwatch check <name> -m` tells of C code below a check: python3 native_lines_test.py HEAPWATCH ROWS."""
import pathlib
import re
import sys
import unittest

ROWS = pathlib.Path(sys.argv.pop(2))
from memory_profile_fixture import CHECKS, MemoryTest  # noqa: E402

SOURCE = (CHECKS / "native_rows.py").read_text().split("\n")
LINES = {text.strip(): number for number, text in enumerate(SOURCE, 1)}
HEAD = "Native memory of C code that the check calls: "


class NativeLinesTest(MemoryTest):
    def lines(self, *arguments):
        """The head, and {line of Python: (bytes, blocks, bytes a run or None, functions of C)}."""
        self.instances("native_rows", [{"rows": str(ROWS.parent)}])
        text = self.report("native_rows", "-m", "-m-unit", "b", *arguments)
        self.assertEqual(text.count(HEAD), 1, text)
        head, rest = text[text.index(HEAD) + len(HEAD):].split("\n", 1)
        found = {}
        for part in re.split(r"(?m)^#\d+: ", rest)[1:]:
            row, *more = part.split("\n")
            file, line, size, blocks, growth = re.fullmatch(
                r"(.*):(\d+): (\d+) B held in (\d+) blocks?(?:, ([+-]\d+) B a run)?", row).groups()
            self.assertEqual(file, str(CHECKS / "native_rows.py"))
            self.assertEqual(more[0], "    " + SOURCE[int(line) - 1].strip())
            functions = [text[9:] for text in more if text.startswith("      in ")]
            key = (int(line), functions[0].split(" ")[0])
            found[key] = int(size), int(blocks), growth and int(growth), functions
        return head, found

    def test_each_line_holds_what_c_code_below_it_took(self):
        head, lines = self.lines("-t", "5")
        line = LINES["rows.copy(4001)"]
        size, blocks, growth, functions = lines[line, "copy_row"]
        self.assertEqual((size, blocks, growth), (5 * 4001, 5, 4001))
        self.assertRegex(functions[0], r"^copy_row \S+/python_rows\.c:7$")
        self.assertRegex(functions[1], r"^copy \S+/python_rows\.c:14$")
        self.assertEqual(lines[LINES["rows.call_twice(lambda: rows.copy(101))"], "copy_row"][:3], (10 * 101, 10, 202))
        # By their names, as ctypes calls them; what moved is held once, where it moved.
        moved = [of[:3] for (at, _), of in lines.items() if at == LINES["libc.realloc(ctypes.c_void_p(rows.copy(60_007)), 2003)"]]
        self.assertEqual(moved, [(5 * 2003, 5, 2003)])
        by_name = [of[:3] for (at, _), of in lines.items() if at == LINES["libc.malloc(307)"]]
        self.assertEqual(by_name, [(5 * 307, 5, 307)])
        in_thread = LINES["thread = threading.Thread(target=lambda: rows.copy(1009))"]
        self.assertEqual(lines[in_thread, "copy_row"][:3], (5 * 1009, 5, 1009))
        # What was freed is not there, and what Python has from malloc neither.
        self.assertEqual({at for at, _ in lines}, {line, in_thread, *(LINES[text] for text in (
            "rows.call_twice(lambda: rows.copy(101))", "libc.realloc(ctypes.c_void_p(rows.copy(60_007)), 2003)", "libc.malloc(307)"))})
        total = 5 * (4001 + 202 + 2003 + 307 + 1009)
        self.assertEqual(head, f"{total} B held in 30 blocks")

    def test_of_one_run_there_is_no_growth(self):
        _, lines = self.lines("-t", "1")
        self.assertEqual(lines[LINES["rows.copy(4001)"], "copy_row"][:3], (4001, 1, None))

    def test_a_check_without_c_code_has_no_such_part(self):
        self.instances("exact", [self.STEPS])
        self.assertNotIn(HEAD, self.report("exact", "-m", "-t", "3"))


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[2:]])
