"""Raw malloc and free draw a warning from every compiler once memtrack.h is included."""
import pathlib
import subprocess
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
SOURCE = '#include "memtrack/memtrack.h"\nint main(void) { void *p = malloc(1); free(p); _free(_malloc(1)); return 0; }\n'


def warnings_of(compiler, language, *flags):
    with tempfile.TemporaryDirectory() as folder:
        source = pathlib.Path(folder) / ("main." + language)
        source.write_text(SOURCE)
        done = subprocess.run([compiler, "-Wall", "-Wextra", "-fsyntax-only", f"-I{ROOT}", *flags, str(source)],
                              capture_output=True, text=True)
    return done.returncode, [line for line in done.stderr.splitlines() if "warning:" in line]


class DeprecationTest(unittest.TestCase):
    def test_raw_malloc_and_free_are_the_only_warnings(self):
        for compiler, language in (("gcc", "c"), ("g++", "cc"), ("clang", "c"), ("clang++", "cc")):
            with self.subTest(compiler=compiler):
                code, warnings = warnings_of(compiler, language)
                self.assertEqual(code, 0)
                self.assertEqual(len(warnings), 2, warnings)
                self.assertIn("raw malloc is not accounted for: use _malloc", warnings[0])
                self.assertIn("raw free is not accounted for: use _free", warnings[1])

    def test_a_file_may_say_that_raw_memory_is_its_business(self):
        self.assertEqual(warnings_of("g++", "cc", "-DMEMTRACK_ALLOW_RAW"), (0, []))


if __name__ == "__main__":
    unittest.main()
