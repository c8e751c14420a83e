// A shop that leaks in two ways: sessions are never forgotten, and each order leaves a goroutine behind that waits for good.
// It prints the address it serves at, and ends with its standard input. GET /visit and /order make it leak.
package main

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net"
	"net/http"
	_ "net/http/pprof"
	"os"
	"runtime"
	"sync"
)

type session struct {
	id    int
	cart  []byte
	pages [][]byte
}

var (
	mutex    sync.Mutex
	sessions = map[int]*session{}
	orders   int
)

// remember keeps a session that nobody asks for again.
func remember(id int) *session {
	mutex.Lock()
	defer mutex.Unlock()
	s := &session{id: id, cart: make([]byte, 96<<10)}
	sessions[id] = s
	return s
}

// render makes a page that is garbage as soon as it is sent.
func render(s *session) []byte {
	var page bytes.Buffer
	zip := gzip.NewWriter(&page)
	for i := 0; i < 200; i++ {
		fmt.Fprintf(zip, "<p>visitor %d, item %d</p>", s.id, i)
	}
	zip.Close()
	s.pages = append(s.pages, page.Bytes())
	return page.Bytes()
}

// ship waits for a courier that never comes: nobody closes the channel when the customer goes away.
func ship(order int, courier chan int) {
	parcel := make([]byte, 32<<10)
	parcel[0] = byte(<-courier)
	fmt.Println("shipped", order, parcel[0])
}

func main() {
	http.HandleFunc("/visit", func(w http.ResponseWriter, r *http.Request) {
		mutex.Lock()
		id := len(sessions)
		mutex.Unlock()
		fmt.Fprintln(w, len(render(remember(id))))
	})
	http.HandleFunc("/order", func(w http.ResponseWriter, r *http.Request) {
		mutex.Lock()
		orders++
		order := orders
		mutex.Unlock()
		go ship(order, make(chan int))
		fmt.Fprintln(w, "ordered")
	})
	http.HandleFunc("/gc", func(w http.ResponseWriter, r *http.Request) {
		runtime.GC()
		fmt.Fprintln(w, "collected")
	})
	address := "127.0.0.1:0"
	if len(os.Args) > 1 {
		address = os.Args[1]
	}
	listener, err := net.Listen("tcp", address)
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
