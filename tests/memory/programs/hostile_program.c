/* A program that pretends to be Go or CPython and lies: what a look at it must survive.
 *
 *   hostile_program go late       a list of spans of which one is none, where no sample is taken
 *   hostile_program go many       tens of thousands of lists that are all but right, each
 * element on another page hostile_program go files      spans that lie in the pages of a file
 *   hostile_program go gigantic   spans of terabytes that are not mapped
 *   hostile_program go overlap    spans that overlap
 *   hostile_program python circle  pools whose lists of free blocks are circles
 *   hostile_program python strays  pools that add up and belong to no arena
 *   hostile_program python tables  a hundred thousand tables of arenas, each right for one pool
 *
 * Prints "ready", and waits to be killed.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

enum {
  page = 4096,
  span_page = 8192,
  record_bytes = 160,
  pool_bytes = 16384,
  data_words = 1 << 17
};

/* What the linker of Go leaves in each program, and what CPython exports. */
__attribute__((aligned(16), used)) char build_info[64] = "\xff Go buildinf:\x08\x02";
__attribute__((visibility("default"))) uint64_t _PyRuntime[data_words] = {1};
__attribute__((visibility("default"))) uint64_t PyType_Type[64] = {1};

static char* map(size_t bytes) {
  char* const area = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (area == MAP_FAILED) {
    exit(1);
  }
  return area;
}

static void put(char* at, size_t offset, uint64_t value, size_t bytes) {
  memcpy(at + offset, &value, bytes);
}

/* A span's record of Go: one object of 4 KiB in use. */
static void span(char* record, uint64_t begin, uint64_t pages) {
  put(record, 24, begin, 8);
  put(record, 32, pages, 8);
  put(record, 96, 1, 2);
  put(record, 99, 1, 1);
  put(record, 104, page, 8);
  put(record, 112, begin + pages * span_page, 8);
}

static void lie_as_go(const char* how) {
  enum { count = 2000, pages_of_records = 4096 };
  const int many = strcmp(how, "many") == 0;
  const size_t stride = many ? (size_t)page * 7 : record_bytes;
  const size_t record_area = (size_t)pages_of_records * page;
  char* const heap = map((count + 1) * (size_t)span_page);
  char* const records = map(record_area);
  uint64_t* const list = (uint64_t*)map(count * 8);
  const uint64_t begin = ((uint64_t)heap + span_page - 1) & ~(uint64_t)(span_page - 1);
  memset(heap, 1, count * (size_t)span_page);
  for (size_t i = 0; i < count; ++i) {
    char* const record = records + i * stride % record_area / record_bytes * record_bytes;
    span(record, begin + i * span_page, 1);
    if (strcmp(how, "files") == 0) {
      span(record, ((uint64_t)&lie_as_go & ~(uint64_t)(span_page - 1)) + i * span_page, 1);
    } else if (strcmp(how, "gigantic") == 0) {
      span(record, (UINT64_C(1) << 40) + ((uint64_t)i << 35), UINT64_C(1) << 22);
    } else if (strcmp(how, "overlap") == 0 && i > 0) {
      span(record, begin + (i - 1) * span_page, 1);
    }
    list[i] = (uint64_t)record;
  }
  if (strcmp(how, "late") == 0) {
    list[count - 1] = (uint64_t)build_info;
  }
  size_t lists = 1;
  if (many) {
    list[count * (size_t)1023 / 1024] = 8; /* the last sample */
    lists = data_words / 3;
    for (size_t i = 0; i < record_area; i += page) {
      records[i + page / 2] = 1;
    }
  }
  for (size_t i = 0; i < lists; ++i) {
    _PyRuntime[i * 3] = (uint64_t)list;
    _PyRuntime[i * 3 + 1] = count;
    _PyRuntime[i * 3 + 2] = count + i;
  }
}

/* A pool of blocks of 64 bytes: ten were cut, two of them freed. */
static void pool(char* at, uint32_t arena, int circle) {
  put(at, 0, 8, 4);
  put(at, 8, (uint64_t)at + 48, 8);
  put(at, 32, arena, 4);
  put(at, 36, 3, 4);
  put(at, 40, 48 + 640, 4);
  put(at, 44, pool_bytes - 64, 4);
  put(at, 48, (uint64_t)at + (circle ? 48 : 48 + 64), 8);
}

static void lie_as_python(const char* how) {
  enum { count = 1024, tables = data_words };
  char* const pools = map(count * (size_t)pool_bytes);
  const int circle = strcmp(how, "circle") == 0;
  for (uint32_t i = 0; i < count; ++i) {
    pool(pools + (size_t)i * pool_bytes, i, circle);
    if (circle) {
      for (size_t at = page; at < pool_bytes; at += page) {
        pool(pools + (size_t)i * pool_bytes + at, i, 1);
      }
    }
  }
  if (strcmp(how, "tables") == 0) {
    char* const area = map((size_t)tables * 48 + count * 48);
    for (size_t i = 0; i < tables; ++i) {
      /* The entry at the first pool's index: an arena with that pool alone. */
      put(area, i * 48, (uint64_t)pools, 8);
      put(area, i * 48 + 8, (uint64_t)pools + pool_bytes, 8);
      put(area, i * 48 + 16, 62, 4);
      put(area, i * 48 + 20, 63, 4);
      _PyRuntime[i] = (uint64_t)area + i * 48;
    }
  }
}

int main(int argc, char** argv) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (argc != 3) {
    return 2;
  }
  PyType_Type[1] = (uint64_t)PyType_Type;
  memcpy(build_info + 33, "go1.19.8", 8);
  build_info[32] = 8;
  if (strcmp(argv[1], "go") == 0) {
    lie_as_go(argv[2]);
  } else {
    lie_as_python(argv[2]);
  }
  puts("ready");
  fflush(stdout);
  for (;;) {
    pause();
  }
}
