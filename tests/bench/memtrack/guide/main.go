// The guide's design, to measure ours against: a callback from C into Go, a map of blocks and expvars. Prints the
// CPU nanoseconds of a pair of allocation and free: guide PAIRS.
package main

// #include "loop.h"
import "C"

import (
	"expvar"
	"fmt"
	"os"
	"strconv"
	"sync"
	"unsafe"
)

var (
	blocks         sync.Map
	inuseBytes     = expvar.NewInt("InuseBytes")
	allocatedBytes = expvar.NewInt("AllocatedBytes")
	freedBytes     = expvar.NewInt("FreedBytes")
	allocations    = expvar.NewInt("Allocations")
	frees          = expvar.NewInt("Frees")
	untrackedFrees = expvar.NewInt("UntrackedFrees")
)

//export goTrack
func goTrack(block unsafe.Pointer, size C.size_t, op C.int) {
	if op == 0 {
		blocks.Store(block, int64(size))
		allocations.Add(1)
		allocatedBytes.Add(int64(size))
		inuseBytes.Add(int64(size))
		return
	}
	held, found := blocks.LoadAndDelete(block)
	if !found {
		untrackedFrees.Add(1)
		return
	}
	frees.Add(1)
	freedBytes.Add(held.(int64))
	inuseBytes.Add(-held.(int64))
}

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: guide PAIRS")
		os.Exit(2)
	}
	pairs, err := strconv.ParseInt(os.Args[1], 10, 64)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	fmt.Printf("%.3f\n", float64(C.run(64, C.long(pairs))))
}
