// SPDX-License-Identifier: Apache-2.0

// Oracle works on two threads in a tree of functions and profiles itself over net/http/pprof. It
// prints the address that it serves on.
//
// Functions that call nobody have no frame in Go: who called them cannot be told by frame
// pointers. So the work is done by functions that do call others; the few of the runtime's that do
// not (hashing, comparing) are kept small.
package main

import (
	"fmt"
	"math/rand"
	"net"
	"net/http"
	_ "net/http/pprof"
	"os"
	"sort"
	"strconv"
)

var results [8]uint64

//go:noinline
func churn(me, steps int) {
	x := results[me]
	for i := 0; i < steps; i++ {
		x = x*6364136223846793005 + 1442695040888963407
	}
	results[me] = x
	settle(me)
}

//go:noinline
func settle(me int) {
	results[me] |= 1
}

//go:noinline
func mix(me, steps int) {
	x := results[me]
	for i := 0; i < steps; i++ {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
	}
	results[me] = x
	churn(me, steps/2)
}

//go:noinline
func descend(me, depth, steps int) {
	if depth > 0 {
		descend(me, depth-1, steps)
		return
	}
	churn(me, steps)
}

type shaker interface{ shake(me, steps int) }

type coarse struct{ by uint }

type fine struct{ by uint }

//go:noinline
func (c *coarse) shake(me, steps int) {
	for i := 0; i < steps; i++ {
		results[me] += results[me] >> c.by
	}
	churn(me, steps/8)
}

//go:noinline
func (f *fine) shake(me, steps int) {
	for i := 0; i < steps; i++ {
		results[me] ^= results[me] << f.by
	}
	churn(me, steps/8)
}

//go:noinline
func shakeAll(me, steps int, all []shaker) {
	for _, s := range all {
		s.shake(me, steps)
	}
}

//go:noinline
func sorting(dice *rand.Rand) {
	words := make([]string, 100)
	for i := range words {
		words[i] = strconv.Itoa(dice.Intn(1000000))
	}
	sort.Strings(words)
}

//go:noinline
func counting(dice *rand.Rand) {
	seen := map[int]int{}
	for i := 0; i < 200; i++ {
		seen[dice.Intn(500)]++
	}
}

//go:noinline
func round(me int, dice *rand.Rand) {
	churn(me, 20000+dice.Intn(40000))
	mix(me, 20000+dice.Intn(20000))
	descend(me, 20, 10000+dice.Intn(20000))
	shakeAll(me, 5000+dice.Intn(10000), []shaker{&coarse{3}, &fine{5}})
	sorting(dice)
	counting(dice)
}

//go:noinline
func worker(me int) {
	dice := rand.New(rand.NewSource(int64(me)))
	for {
		round(me, dice)
	}
}

func main() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	for i := 0; i < 2; i++ {
		me := i
		go func() { worker(me) }()
	}
	fmt.Println(listener.Addr())
	fmt.Fprintln(os.Stderr, http.Serve(listener, nil))
}
