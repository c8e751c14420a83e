//go:build with_c

package main

/*
#include <stdlib.h>
#include <string.h>
static void *block(size_t size) { void *p = malloc(size); memset(p, 1, size); return p; }
*/
import "C"

func init() {
	beside = func() {
		for i := 0; i < 1000; i++ {
			C.block(3000)
		}
	}
}
