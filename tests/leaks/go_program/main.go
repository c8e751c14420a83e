// Programs of the corpus in Go: go_program MODE SEED BYTES_PER_SECOND. Prints "ready ADDRESS", serves /debug/vars and
// /debug/pprof there, and ends with its standard input.
package main

import (
	_ "expvar"
	"fmt"
	"io"
	"math/rand"
	"net"
	"net/http"
	_ "net/http/pprof"
	"os"
	"strconv"
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
)

// keep is where the leak is.
func keep(id int) {
	orders = append(orders, &order{id, make([]byte, 2000)})
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
