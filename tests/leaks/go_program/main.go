// Programs of the corpus in Go: go_program MODE SEED BYTES_PER_SECOND. Prints "ready ADDRESS", serves /debug/vars and
// /debug/pprof there, and ends with its standard input.
package main

import (
	_ "expvar"
	"fmt"
	"io"
	"math"
	"math/rand"
	"net"
	"net/http"
	_ "net/http/pprof"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

type order struct {
	id    int
	lines []byte
}

var (
	orders []*order
	table  = map[int]*order{}
	sink   []byte

	headers [][]byte
	served  atomic.Int64
)

// keep is where the leak is.
func keep(id int) {
	orders = append(orders, &order{id, make([]byte, 2000)})
}

func remember(id int) {
	table[id] = &order{id, make([]byte, 1000)}
}

func parse(body []byte) []byte {
	return body[:16]
}

func wait(courier chan int) {
	parcel := make([]byte, 1000)
	parcel[0] = byte(<-courier)
	sink = parcel
}

// garbage is what requests make and leave to the collector.
func garbage(kilobytes int) {
	for i := 0; i < kilobytes; i++ {
		sink = make([]byte, 900+rand.Intn(200))
	}
}

// turns calls make for each turn that is due; make says how many bytes it was.
func turns(rate float64, make func(number int) float64) {
	began := time.Now()
	done := 0.0
	for number := 0; ; {
		for ; done < time.Since(began).Seconds()*rate; number++ {
			done += make(number)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func main() {
	seed, _ := strconv.ParseInt(os.Args[2], 10, 64)
	rate, _ := strconv.ParseFloat(os.Args[3], 64)
	rand.Seed(seed)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	go http.Serve(listener, nil)
	go func() {
		io.Copy(io.Discard, os.Stdin)
		if n := served.Load(); n != 0 {
			fmt.Println("served", n)
		}
		os.Exit(0)
	}()
	fmt.Println("ready", listener.Addr())
	switch os.Args[1] {
	case "leak_heap":
		turns(rate, func(number int) float64 {
			keep(number)
			garbage(20)
			return 2100
		})
	case "leak_goroutines":
		turns(rate, func(number int) float64 {
			go wait(make(chan int))
			garbage(20)
			return 3500
		})
	case "leak_map":
		turns(rate, func(number int) float64 {
			remember(number)
			garbage(20)
			return 1200
		})
	case "leak_headers":
		// A small part of each request is kept, and with it the whole.
		turns(rate, func(number int) float64 {
			headers = append(headers, parse(make([]byte, 4000)))
			garbage(20)
			return 4100
		})
	case "workers":
		// Each goroutine works for a while and ends.
		turns(rate, func(number int) float64 {
			go func() {
				work := make([]byte, 3000)
				time.Sleep(time.Duration(200+rand.Intn(2000)) * time.Millisecond)
				sink = work
			}()
			return 5000
		})
	case "few_collections":
		debug.SetGCPercent(400)
		ballast := make([]byte, 20<<20)
		for i := range ballast {
			ballast[i] = 1
		}
		turns(rate, func(number int) float64 {
			garbage(20)
			return 2000
		})
		runtime.KeepAlive(ballast)
	case "pool":
		pool := sync.Pool{New: func() any { return make([]byte, 8000) }}
		turns(rate, func(number int) float64 {
			var lent [20]any
			for i := range lent {
				lent[i] = pool.Get()
			}
			for _, one := range lent {
				pool.Put(one)
			}
			return 2000
		})
	case "busy":
		// As many requests as one core serves; at the end it says how many.
		runtime.GOMAXPROCS(1)
		for i := 0; i < 100_000; i++ {
			remember(i)
		}
		for number := 0; ; number++ {
			table[number%100_000].lines = make([]byte, 1000)
			served.Add(1)
		}
	case "load_cycle":
		began := time.Now()
		period := 20 + 10*rand.Float64()
		for {
			part := 0.5 - 0.5*math.Cos(2*math.Pi*time.Since(began).Seconds()/period)
			wanted := int(part * 4000)
			for len(orders) < wanted {
				orders = append(orders, &order{len(orders), make([]byte, 2000)})
			}
			for i := wanted; i < len(orders); i++ {
				orders[i] = nil
			}
			orders = orders[:wanted]
			garbage(100)
			time.Sleep(20 * time.Millisecond)
		}
	case "garbage":
		turns(rate, func(number int) float64 {
			garbage(20)
			return 2000
		})
	case "cache":
		turns(rate, func(number int) float64 {
			table[rand.Intn(3000)] = &order{number, make([]byte, 1000+rand.Intn(2000))}
			garbage(20)
			return 2000
		})
	case "slow_garbage":
		// So little garbage that no collection ends for minutes.
		ballast := make([]byte, 60<<20)
		for i := range ballast {
			ballast[i] = 1
		}
		turns(rate, func(number int) float64 {
			sink = make([]byte, 1000)
			return 1000
		})
	}
}
