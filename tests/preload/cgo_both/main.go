// Go calls C, and C calls Go back: each way leaks one block of a size of its own.
package main

/*
#cgo CFLAGS: -O2 -g -fomit-frame-pointer
#include <stdlib.h>
void *leak(size_t bytes);
void *leak_below(int depth, size_t bytes);
void call_back(int count);
void call_back_on_a_thread(void);
*/
import "C"

//export goCallback
func goCallback(count C.int) {
	afterCallback(int(count))
}

//go:noinline
func afterCallback(count int) {
	if count > 1 {
		C.call_back(C.int(count - 1))
		return
	}
	C.leak(20001)
}

//go:noinline
func direct() { C.leak(10001) }

//go:noinline
func deepInC() { C.leak_below(100, 30001) }

//go:noinline
func byMalloc() { C.malloc(40001) }

//go:noinline
func recurse(depth int) int {
	if depth > 0 {
		return 1 + recurse(depth-1)
	}
	C.leak(50001)
	return 0
}

type shelf struct{ rows []int }

//go:noinline
func (s *shelf) fill() {
	func() { C.leak(60001) }()
}

func main() {
	direct()
	C.call_back(1)
	C.call_back(8)
	deepInC()
	byMalloc()
	recurse(10)
	(&shelf{}).fill()
	done := make(chan bool)
	go func() {
		direct()
		close(done)
	}()
	<-done
	C.call_back_on_a_thread()
}
