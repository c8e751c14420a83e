//go:build with_mmaps

package main

/*
#include <string.h>
#include <sys/mman.h>
static void map_block(size_t size) {
	memset(mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), 1, size);
}
*/
import "C"

func init() {
	between = func() {
		for i := 0; i < 5; i++ {
			C.map_block(256 << 10)
		}
	}
}
