// A Go program that leaks in C: 4000 blocks of 10000 bytes from four goroutines.
package main

/*
#include <stdlib.h>
static void *leak_from_c(size_t bytes) { return malloc(bytes); }
*/
import "C"

import (
	"os"
	"os/exec"
	"sync"
)

//go:noinline
func leakFromGo(count int) {
	for i := 0; i < count; i++ {
		C.leak_from_c(10000)
	}
}

func main() {
	var group sync.WaitGroup
	for i := 0; i < 4; i++ {
		group.Add(1)
		go func() {
			defer group.Done()
			leakFromGo(1000)
			for j := 0; j < 1000; j++ {
				C.free(C.malloc(64))
			}
		}()
	}
	group.Wait()
	out, err := exec.Command("echo", "done").Output()
	if err != nil {
		os.Exit(1)
	}
	os.Stdout.Write(out)
	os.Exit(4)
}
