/* CPython keeps the memory of some objects that died for the next of their kind. Such an object
 * comes back without an allocation, so whoever follows allocations does not see where it is made
 * anew. Suspended, these lists stay empty: each float, tuple, list and dict is then an allocation
 * and a free like any other. */
#ifndef HEAPWATCH_CHECK_PYTHON_FREE_LISTS_H
#define HEAPWATCH_CHECK_PYTHON_FREE_LISTS_H

#ifdef __cplusplus
extern "C" {
#endif

enum { heapwatch_tuple_lists = 20 }; /* by length, from 1 */

/* How many objects a list keeps. */
enum {
  heapwatch_floats_max = 100,
  heapwatch_tuples_max = 2000, /* of each length */
  heapwatch_lists_max = 80,
  heapwatch_dicts_max = 80
};

/* What was found in the lists, by kind. */
typedef struct {
  int counts[3 + heapwatch_tuple_lists];
} heapwatch_free_list_sizes;

/* Told of a float, tuple, list or dict of exactly that type whose memory has just been freed. */
typedef void (*heapwatch_object_died)(const void* block, int kind);

/* Kinds of objects: a tuple of n elements is heapwatch_kind_tuple + n - 1. */
enum {
  heapwatch_kind_float = 0,
  heapwatch_kind_list = 1,
  heapwatch_kind_dict = 2,
  heapwatch_kind_tuple = 3,
  heapwatch_kinds = heapwatch_kind_tuple + heapwatch_tuple_lists
};

/* With the GIL held. Frees what is in the lists. A full garbage collection brings the lists of
 * floats and tuples back into service: suspend again when heapwatch_free_floats() says so. */
heapwatch_free_list_sizes heapwatch_free_lists_suspend(heapwatch_object_died died);
void heapwatch_free_lists_resume(void);
/* A number that is heapwatch_floats_max while the lists are suspended, and is not after a full
 * garbage collection. */
const int* heapwatch_free_floats(void);

/* Frees the tables of dicts that CPython keeps for the next dicts, as a full collection does: this
 * list is never suspended, since its blocks are allocated and freed with the dicts' tables. */
void heapwatch_free_lists_drop_tables(void);

/* Whether the last object was made by list() or dict(), which look into no free list; asking
 * forgets it. */
int heapwatch_free_lists_passed_by(void);

#ifdef __cplusplus
}
#endif

#endif
