// A program for heapwatch's tests to watch: expvars of every kind, among them values that are no JSON, and pprof.
// It prints the address it serves at, and ends with its standard input.
package main

import (
	"expvar"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	_ "net/http/pprof"
	"os"
	"runtime"
)

var held [][]byte

func main() {
	requests := expvar.NewInt("requests")
	expvar.NewFloat("load").Set(0.1)
	expvar.NewFloat("not_a_number").Set(math.NaN())
	expvar.NewFloat("endless").Set(math.Inf(1))
	expvar.NewString("text").Set("12.5")
	expvar.Publish("broken", expvar.Func(func() interface{} { return func() {} }))
	expvar.Publish("largest", expvar.Func(func() interface{} { return uint64(math.MaxUint64) }))
	routes := expvar.NewMap("routes")
	for i, route := range []string{"/", "/users", "/users/{id}"} {
		counts := new(expvar.Map).Init()
		counts.Add("count", int64(i+1))
		routes.Set(route, counts)
	}
	http.HandleFunc("/gc", func(w http.ResponseWriter, r *http.Request) {
		runtime.GC()
		fmt.Fprintln(w, "collected")
	})
	http.HandleFunc("/hold", func(w http.ResponseWriter, r *http.Request) {
		requests.Add(1)
		held = append(held, make([]byte, 1<<20))
		fmt.Fprintln(w, len(held))
	})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Printf("http://%s\n", listener.Addr())
	go func() {
		io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	http.Serve(listener, nil)
}
