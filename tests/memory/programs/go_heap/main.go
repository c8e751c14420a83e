// A Go program whose heap is looked at from outside: prints its own counters, then waits.
package main

import (
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"syscall"
)

type record struct {
	next *record
	text [3][]byte
}

var (
	list    *record
	large   [][]byte
	done    = make(chan struct{})
	stats   runtime.MemStats
	started = make(chan struct{})
	// What is allocated beside Go's heap, by cgo.go.
	beside = func() {}
	// What is mapped while Go's heap grows, forty times, by mmaps.go.
	between = func() {}
)

func wait(depth int) {
	var room [200]byte
	if depth > 0 {
		wait(depth - 1)
		return
	}
	room[0] = 1
	started <- struct{}{}
	<-done
	_ = room
}

func main() {
	debug.SetGCPercent(-1)
	beside()
	const goroutines = 300
	for i := 0; i < goroutines; i++ {
		go wait(i % 40)
		<-started
	}
	for i := 0; i < 40000; i++ {
		if i%1000 == 0 {
			between()
		}
		r := &record{next: list}
		r.text[i%3] = make([]byte, 16+i%1500)
		for j := range r.text[i%3] {
			r.text[i%3][j] = 1
		}
		list = r
	}
	for i := 0; i < 20; i++ {
		large = append(large, make([]byte, 1<<20))
	}
	for i := range large {
		for j := 0; j < len(large[i]); j += 1024 {
			large[i][j] = 1
		}
	}
	line := make([]byte, 0, 400)
	names := []string{"heap_inuse ", "\nheap_alloc ", "\nobjects ", "\nstack_inuse ", "\ngoroutines ", "\ncollections ", "\nrecords "}
	runtime.GC()
	runtime.ReadMemStats(&stats)
	records := stats.MSpanSys + stats.MCacheSys + stats.BuckHashSys + stats.GCSys + stats.OtherSys
	values := [...]uint64{stats.HeapInuse, stats.HeapAlloc, stats.Mallocs - stats.Frees, stats.StackInuse, uint64(runtime.NumGoroutine()), uint64(stats.NumGC), records}
	for i, value := range values {
		line = append(line, names[i]...)
		line = strconv.AppendUint(line, value, 10)
	}
	line = append(line, "\nready\n"...)
	os.Stdout.Write(line)
	for {
		syscall.Pause()
	}
}
