// Writes a synthetic profile of one of the shapes that docs/performance-pprof.md measures:
//
//	pprof_shapes SHAPE [base] > FILE.pb.gz
//
// Stacks are random, with a few functions far hotter than the rest. "base" changes one value in a hundred.
// With SCALE=0.01 in the environment there are a hundredth of the samples.
package main

import (
	"bufio"
	"compress/gzip"
	"encoding/binary"
	"fmt"
	"math/rand"
	"os"
	"strconv"
)

type shape struct {
	samples, depth, functions, locations int
	cpu                                  bool
}

var shapes = map[string]shape{
	"L1": {100_000, 30, 8_000, 20_000, false},
	"L2": {1_000_000, 60, 30_000, 120_000, false},
	"L3": {300_000, 40, 200_000, 500_000, true},
	"L4": {50_000, 400, 20_000, 60_000, false},
}

type message struct{ bytes []byte }

func (m *message) varint(v uint64) {
	var buffer [binary.MaxVarintLen64]byte
	m.bytes = append(m.bytes, buffer[:binary.PutUvarint(buffer[:], v)]...)
}

func (m *message) number(field int, v uint64) {
	m.varint(uint64(field << 3))
	m.varint(v)
}

func (m *message) sub(field int, content []byte) {
	m.varint(uint64(field<<3 | 2))
	m.varint(uint64(len(content)))
	m.bytes = append(m.bytes, content...)
}

func numbers(pairs ...uint64) []byte {
	var m message
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i+1] != 0 {
			m.number(int(pairs[i]), pairs[i+1])
		}
	}
	return m.bytes
}

var table = []string{""}

func text(s string) uint64 {
	table = append(table, s)
	return uint64(len(table) - 1)
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}

// sample makes one sample; all random choices are made whether or not the base differs.
func sample(s shape, random *rand.Rand, isBase bool, bytesKey uint64, tags []uint64) []byte {
	var stack, values message
	for i := 0; i < s.depth; i++ {
		at := random.Intn(s.locations)
		if random.Intn(3) == 0 {
			at = random.Intn(s.locations/50 + 1)
		}
		stack.varint(uint64(at + 1))
	}
	size, count := uint64(16<<random.Intn(12)), uint64(1+random.Intn(50))
	if changes := random.Intn(100) == 0; changes && isBase {
		count++
	}
	var m message
	m.sub(1, stack.bytes)
	if s.cpu {
		values.varint(count)
		values.varint(count * 10_000_000)
	} else {
		for _, v := range []uint64{count, count * size, count / 2, count / 2 * size} {
			values.varint(v)
		}
	}
	m.sub(2, values.bytes)
	if s.cpu {
		m.sub(3, numbers(1, tags[0], 2, tags[1+random.Intn(20)]))
		m.sub(3, numbers(1, tags[21], 2, tags[22+random.Intn(20)]))
	} else {
		m.sub(3, numbers(1, bytesKey, 3, size))
	}
	return m.bytes
}

func main() {
	s, known := shapes[os.Args[1]]
	if !known {
		panic("no shape " + os.Args[1])
	}
	isBase := len(os.Args) > 2
	if scale := os.Getenv("SCALE"); scale != "" {
		part, err := strconv.ParseFloat(scale, 64)
		check(err)
		s.samples = int(float64(s.samples) * part)
	}
	random := rand.New(rand.NewSource(1))
	out := bufio.NewWriterSize(os.Stdout, 1<<20)
	zip, err := gzip.NewWriterLevel(out, 1)
	check(err)
	write := func(field int, content []byte) {
		var m message
		m.sub(field, content)
		_, err := zip.Write(m.bytes)
		check(err)
	}
	types := [][2]string{{"alloc_objects", "count"}, {"alloc_space", "bytes"}, {"inuse_objects", "count"}, {"inuse_space", "bytes"}}
	if s.cpu {
		types = [][2]string{{"samples", "count"}, {"cpu", "nanoseconds"}}
	}
	for _, t := range types {
		write(1, numbers(1, text(t[0]), 2, text(t[1])))
	}
	bytesKey := text("bytes")
	var tags []uint64
	for _, key := range []string{"tenant", "endpoint"} {
		tags = append(tags, text(key))
		for i := 0; i < 20; i++ {
			tags = append(tags, text(fmt.Sprint(key, i)))
		}
	}
	for i := 0; i < s.samples; i++ {
		write(2, sample(s, random, isBase, bytesKey, tags))
	}
	write(3, numbers(1, 1, 2, 0x400000, 3, 0x4000000, 5, text("/bin/synthetic"), 7, 1))
	for i := 0; i < s.locations; i++ {
		var m message
		m.bytes = numbers(1, uint64(i+1), 2, 1, 3, uint64(0x400000+i*16))
		m.sub(4, numbers(1, uint64(i%s.functions+1), 2, uint64(10+i%90)))
		write(4, m.bytes)
	}
	for i := 0; i < s.functions; i++ {
		name := text(fmt.Sprintf("example.com/module/package%d.(*Type%d).method%d", i%200, i%3000, i))
		write(5, numbers(1, uint64(i+1), 2, name, 3, name, 4, text(fmt.Sprintf("/src/package%d/file%d.go", i%200, i%5000))))
	}
	for _, s := range table {
		write(6, []byte(s))
	}
	check(zip.Close())
	check(out.Flush())
}
