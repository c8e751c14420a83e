/* C with calls that are inlined, one in another, and functions that stay. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct row {
  struct row *next;
  char *text;
};

static inline char *copy_text(const char *text) {
  char *copy = malloc(strlen(text) + 1);
  if (copy != NULL) {
    strcpy(copy, text);
  }
  return copy;
}

static inline struct row *new_row(const char *text) {
  struct row *row = malloc(sizeof *row);
  if (row == NULL) {
    abort();
  }
  row->text = copy_text(text);
  row->next = NULL;
  return row;
}

__attribute__((noinline)) struct row *add_row(struct row *rows, const char *text) {
  struct row *row = new_row(text);
  row->next = rows;
  return row;
}

static __attribute__((noinline)) size_t count_rows(const struct row *rows) {
  size_t count = 0;
  for (; rows != NULL; rows = rows->next) {
    ++count;
  }
  return count;
}

__attribute__((noinline, cold)) void complain(const char *text) {
  fprintf(stderr, "%s\n", text);
}

int main(int argc, char **argv) {
  struct row *rows = NULL;
  for (int i = 0; i < argc; ++i) {
    if (argv[i][0] == '!') {
      complain(argv[i]);
      continue;
    }
    rows = add_row(rows, argv[i]);
    rows = add_row(new_row("twice"), argv[i]);
  }
  printf("%zu\n", count_rows(rows));
  return 0;
}
