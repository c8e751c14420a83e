// Allocates and frees in C, with every block reported to Go.
#include <stddef.h>

double run(int live, long pairs);
