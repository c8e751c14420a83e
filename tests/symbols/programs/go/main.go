// A Go program with a C part, generic functions, closures, methods and inlined calls.
package main

/*
#include <stdlib.h>
#include <string.h>

static char *copied(const char *text) {
  char *copy = malloc(strlen(text) + 1);
  return copy == NULL ? NULL : strcpy(copy, text);
}
*/
import "C"

import (
	"fmt"
	"os"
	"sort"
	"unsafe"
)

type shelf[K comparable, V any] struct{ values map[K][]V }

func (s *shelf[K, V]) put(key K, value V) { s.values[key] = append(s.values[key], value) }

type item struct{ text string }

func (i item) size() int { return len(i.text) + twice(1) }

func twice(value int) int { return value * 2 }

//go:noinline
func copyText(text string) string {
	given := C.CString(text)
	defer C.free(unsafe.Pointer(given))
	copied := C.copied(given)
	defer C.free(unsafe.Pointer(copied))
	return C.GoString(copied)
}

func main() {
	s := &shelf[string, item]{values: map[string][]item{}}
	for _, arg := range os.Args {
		s.put(arg, item{copyText(arg)})
	}
	sizes := []int{}
	for _, items := range s.values {
		for _, i := range items {
			sizes = append(sizes, i.size())
		}
	}
	sort.Slice(sizes, func(i, j int) bool { return sizes[i] < sizes[j] })
	fmt.Println(sizes)
}
