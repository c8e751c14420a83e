// A program of three runtimes, as the Datadog Agent is one: Go, C through cgo, and an embedded CPython. Each holds some
// memory. It says "ready", and then leaks as it is told on its input: "go 1000", "c 1000", "lost 1000" or "python 1000"
// records, each answered by "done". "churn 2" starts two threads of C that allocate and free without rest.
package main

/*
#cgo pkg-config: python3-embed
#include <stdlib.h>
#include "native.h"
*/
import "C"

import (
	"bufio"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"unsafe"
)

type order struct {
	customer string
	lines    [24]uint64
}

var (
	orders []*order
	done   = make(chan struct{})
)

func keepOrders(count int) {
	for i := 0; i < count; i++ {
		orders = append(orders, &order{customer: "customer " + strconv.Itoa(len(orders))})
	}
}

func python(script string) {
	text := C.CString(script)
	defer C.free(unsafe.Pointer(text))
	if C.python_run(text) != 0 {
		os.Exit(1)
	}
}

const checks = `
import collections, json, re
class Sample:
    def __init__(self, n):
        self.name = "metric.%d" % n
        self.value = n * 1.5
samples = [Sample(n) for n in range(20000)]
def leak(count):
    samples.extend(Sample(len(samples) + n) for n in range(count))
`

func main() {
	runtime.LockOSThread()
	if C.python_start() != 0 {
		os.Exit(1)
	}
	python(checks)
	for i := 0; i < 3; i++ {
		if C.sessions_open(1000) != 0 {
			os.Exit(1)
		}
	}
	for i := 0; i < 100; i++ {
		go func() { <-done }()
	}
	keepOrders(40000)
	runtime.GC()
	fmt.Println("ready")
	input := bufio.NewScanner(os.Stdin)
	for input.Scan() {
		words := strings.Fields(input.Text())
		if len(words) != 2 {
			continue
		}
		count, _ := strconv.Atoi(words[1])
		switch words[0] {
		case "go":
			keepOrders(count)
		case "c":
			C.sessions_keep(C.int(count))
		case "churn":
			C.threads_churn(C.int(count))
		case "lost":
			C.sessions_lose(C.int(count))
		case "python":
			python("leak(" + strconv.Itoa(count) + ")")
		}
		fmt.Println("done")
	}
}
