"""heapwatch exec over programs with an allocator of their own: it stays theirs, and is watched."""
import pathlib
import re
import socket
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "testing"))
from agent import clean_environment, free_port, wait_until  # noqa: E402

HEAPWATCH = ""
ALLOCATORS = ("libjemalloc.so.2", "libtcmalloc_minimal.so.4", "libmimalloc.so.2.0")

PROGRAM = r"""
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <malloc.h>
#include <string>
#include <thread>
#include <vector>
#include <dlfcn.h>
struct alignas(64) Wide { char bytes[64]; };
static void* volatile kept;
extern "C" [[gnu::noinline]] void leak_by_malloc() { kept = std::malloc(50000); }
extern "C" [[gnu::noinline]] void leak_by_new() { kept = new char[60000]; }
static void work() {
  std::vector<std::string> texts;
  for (int i = 0; i < 20000; ++i) { texts.push_back(std::string(static_cast<std::size_t>(i % 500), 'x')); }
  std::vector<Wide> wide(1000);
  for (int i = 1; i < 2000; ++i) {
    void* block = std::realloc(std::calloc(1, 10), static_cast<std::size_t>(i));
    if (malloc_usable_size(block) < static_cast<std::size_t>(i)) { std::abort(); }
    std::free(block);
    std::free(aligned_alloc(128, 256));
  }
}
int main() {
  for (int i = 0; i < 10; ++i) { leak_by_malloc(); leak_by_new(); }
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) { threads.emplace_back(work); }
  for (std::thread& thread : threads) { thread.join(); }
  // Which library made the block: the allocator's own functions say so.
  Dl_info here;
  void* next = dlsym(RTLD_NEXT, "malloc_usable_size");
  std::printf("%s\n", next != nullptr && dladdr(next, &here) != 0 ? "done" : "?");
}
"""


def resident_kib(pid):
    return int(re.search(r"VmRSS:\s+(\d+)", pathlib.Path(f"/proc/{pid}/status").read_text())[1])


class AllocatorsTest(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        self.folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))

    def library(self, name):
        return next(pathlib.Path("/usr/lib").glob(f"*/{name}"))

    def leaks_of(self, program, *expected_lines):
        report = self.folder / "heap.pb.gz"
        done = subprocess.run([HEAPWATCH, "exec", "--sample-interval", "1", "--report", report, "--", program],
                              capture_output=True, text=True, timeout=120, check=False,
                              env=clean_environment())
        self.assertEqual((done.returncode, done.stdout), (0, "done\n"), done.stderr)
        self.assertIn("untracked frees: 0\n", done.stderr)
        self.assertNotIn("not seen", done.stderr)
        for line in expected_lines:
            self.assertIn(line, done.stderr)
        text = subprocess.run(["go", "tool", "pprof", "-top", "-cum", "-unit=b", "-symbolize=none", "-tagfocus=space=native",
                               str(report)], timeout=60, capture_output=True, text=True, env=clean_environment(),
                              check=True).stdout
        held = {name: int(value) for value, name in re.findall(r"(\d+)B +\S+% +(leak_\w+)$", text, re.M)}
        self.assertEqual(held, {"leak_by_malloc": 500000, "leak_by_new": 600000}, text)
        # What the allocator maps for these blocks is not counted again.
        self.assertNotIn("mapped by the program itself", done.stderr)

    def test_libraries_that_programs_are_linked_with_or_load(self):
        source = self.folder / "program.cpp"
        source.write_text(PROGRAM)
        plain = self.folder / "plain"
        build = ["g++", "-g", "-O1", "-std=c++20", "-pthread", "-o", plain, source]
        subprocess.run(build, check=True, capture_output=True)
        self.leaks_of(plain)
        for name in ALLOCATORS:
            library = self.library(name)
            with self.subTest(name, how="linked"):
                linked = self.folder / "linked"
                subprocess.run([*build[:-2], linked, source, "-Wl,--no-as-needed", library], check=True, capture_output=True)
                self.leaks_of(linked, "heapwatch:   its allocator: ", name.split(".")[0])

    def test_what_goes_past_malloc_is_said_not_to_be_seen(self):
        source = self.folder / "program.cpp"
        source.write_text(PROGRAM)
        plain = self.folder / "plain"
        subprocess.run(["g++", "-O1", "-std=c++20", "-pthread", "-o", plain, source], check=True, capture_output=True)
        done = subprocess.run([HEAPWATCH, "exec", "--", "sh", "-c",
                               f"LD_PRELOAD=$LD_PRELOAD:{self.library('libjemalloc.so.2')} exec {plain}"],
                              capture_output=True, text=True, timeout=120, check=False, env=clean_environment())
        self.assertEqual((done.returncode, done.stdout), (0, "done\n"), done.stderr)
        self.assertIn("heapwatch: the allocator of this program has an operator new that goes past malloc; what that allocates is "
                      "not seen\n", done.stderr)
        self.assertRegex(done.stderr, r"heapwatch:   not seen: what it allocates with the operator new of \S+/libjemalloc\.so\.2\n")

    def redis(self, *before):
        """What redis holds in the end, in KiB, after it was filled and emptied."""
        port = free_port()
        process = subprocess.Popen([*map(str, before), "redis-server", "--port", str(port), "--save", "", "--appendonly", "no",
                                    "--dir", str(self.folder)], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
                                   env=clean_environment())

        def ask(text):
            with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
                connection.sendall((text + "\r\nQUIT\r\n").encode())
                answer = b""
                while piece := connection.recv(65536):
                    answer += piece
            return answer.decode()

        def answers():
            try:
                return "PONG" in ask("PING")
            except OSError:
                return False

        self.addCleanup(process.stderr.close)
        self.addCleanup(process.kill)
        wait_until(answers, "redis")
        self.assertIn("jemalloc", ask("INFO memory"))
        ask("EVAL \"for i = 1, 200000 do redis.call('set', 'k' .. i, string.rep('x', 100)) end\" 0")
        self.assertIn(":200000", ask("DBSIZE"))
        ask("FLUSHALL")
        pid = int(re.search(r"process_id:(\d+)", ask("INFO server"))[1])
        held = resident_kib(pid)
        deadline = time.monotonic() + 12  # jemalloc gives back over ten seconds
        while time.monotonic() < deadline and held > 30000:
            time.sleep(0.25)
            held = resident_kib(pid)
        process.terminate()
        errors = process.communicate(timeout=60)[1]
        self.assertEqual(process.returncode, 0, errors)
        return held, errors

    def test_redis_keeps_its_jemalloc(self):
        alone, _ = self.redis()
        watched, errors = self.redis(HEAPWATCH, "exec", "--")
        self.assertIn("libjemalloc.so.2", errors)
        self.assertRegex(errors, r"allocated \d+ bytes in \d{6,} blocks")
        # With the tables of the books, which grow with what was held.
        self.assertLess(watched, 2 * alone, errors)


if __name__ == "__main__":
    HEAPWATCH = sys.argv[1]
    del sys.argv[1]
    unittest.main()
