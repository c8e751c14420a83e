// Writes one profile of each kind that Go has into the folder named on the command line, and the
// texts of some.
package main

import (
	"context"
	"os"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"sync"
	"time"
)

type list[T any] struct{ items []T }

func (l *list[T]) grow(n int) {
	for i := 0; i < n; i++ {
		l.items = append(l.items, make([]T, 1024)...)
	}
}

var kept [][]byte

func leaf(n int) []byte { return make([]byte, n) }

func middle(n int) []byte { return leaf(n) }

//go:noinline
func keep(n, depth int) {
	if depth > 0 {
		keep(n, depth-1)
		return
	}
	kept = append(kept, middle(n))
}

//go:noinline
func spin(until time.Time) (sum int) {
	for time.Now().Before(until) {
		for i := 0; i < 1000; i++ {
			sum += i * i
		}
	}
	return sum
}

func save(folder, kind string) {
	for debug, ending := range []string{".pb.gz", ".txt", ".2.txt"} {
		if debug == 2 && kind != "goroutine" {
			continue
		}
		file, err := os.Create(filepath.Join(folder, kind+ending))
		if err != nil {
			panic(err)
		}
		if err := pprof.Lookup(kind).WriteTo(file, debug); err != nil {
			panic(err)
		}
		if err := file.Close(); err != nil {
			panic(err)
		}
	}
}

func main() {
	folder := os.Args[1]
	runtime.MemProfileRate = 512
	runtime.SetBlockProfileRate(1)
	runtime.SetMutexProfileFraction(1)
	cpu, err := os.Create(filepath.Join(folder, "cpu.pb.gz"))
	if err != nil {
		panic(err)
	}
	if err := pprof.StartCPUProfile(cpu); err != nil {
		panic(err)
	}
	for i := 0; i < 2000; i++ {
		keep(16+i*7%9000, i%5)
	}
	var numbers list[int64]
	numbers.grow(20)
	var mutex sync.Mutex
	var ready sync.WaitGroup
	stop := make(chan struct{})
	for i := 0; i < 12; i++ {
		ready.Add(1)
		tenant := []string{"red", "green", "blue"}[i%3]
		go pprof.Do(context.Background(), pprof.Labels("tenant", tenant), func(context.Context) {
			mutex.Lock()
			spin(time.Now().Add(30 * time.Millisecond))
			mutex.Unlock()
			ready.Done()
			<-stop
		})
	}
	ready.Wait()
	pprof.StopCPUProfile()
	if err := cpu.Close(); err != nil {
		panic(err)
	}
	runtime.GC()
	for _, kind := range []string{"heap", "allocs", "goroutine", "threadcreate", "block", "mutex"} {
		save(folder, kind)
	}
	close(stop)
	runtime.KeepAlive(numbers)
}
