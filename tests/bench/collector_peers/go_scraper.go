// The collector that one writes in an afternoon: net/http and encoding/json, a goroutine for each target.
// go_scraper URL TARGETS INTERVAL_SECONDS PATH...: asks URL/0 to URL/N-1; a step "*" of a path takes every member.
package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

type target struct {
	url    string
	mutex  sync.Mutex
	values map[string]float64
}

func (t *target) take(value interface{}, name string, steps []string) {
	if len(steps) == 0 {
		if number, is := value.(float64); is {
			t.values[name] = number
		}
		return
	}
	members, is := value.(map[string]interface{})
	if !is {
		return
	}
	if steps[0] == "*" {
		for key, member := range members {
			t.take(member, name+"."+key, steps[1:])
		}
	} else if member, has := members[steps[0]]; has {
		t.take(member, name+"."+steps[0], steps[1:])
	}
}

func (t *target) scrape(client *http.Client, paths [][]string) error {
	answer, err := client.Get(t.url)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	var page interface{}
	if err := json.NewDecoder(answer.Body).Decode(&page); err != nil {
		return err
	}
	t.mutex.Lock()
	defer t.mutex.Unlock()
	for _, path := range paths {
		t.take(page, "b", path)
	}
	return nil
}

func main() {
	count, _ := strconv.Atoi(os.Args[2])
	seconds, _ := strconv.ParseFloat(os.Args[3], 64)
	interval := time.Duration(seconds * float64(time.Second))
	var paths [][]string
	for _, path := range os.Args[4:] {
		paths = append(paths, strings.Split(path, "/"))
	}
	client := &http.Client{Timeout: 10 * time.Second,
		Transport: &http.Transport{MaxIdleConnsPerHost: count, DisableCompression: true}}
	for n := 0; n < count; n++ {
		t := &target{url: fmt.Sprintf("%s/%d", os.Args[1], n), values: map[string]float64{}}
		go func() { // all at the same moments: waking up costs as much as so small a page
			for range time.Tick(interval) {
				if err := t.scrape(client, paths); err != nil {
					fmt.Fprintln(os.Stderr, err)
				}
			}
		}()
	}
	select {}
}
