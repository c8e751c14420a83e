// Go in a library that a program in C calls; it leaks in C.
package main

/*
#include <stdlib.h>

static void *leak_inlined(size_t bytes) { return malloc(bytes); }
*/
import "C"

//export GoEntry
func GoEntry(bytes C.int) {
	inside(int(bytes))
}

//go:noinline
func inside(bytes int) { C.leak_inlined(C.size_t(bytes)) }

func main() {}
