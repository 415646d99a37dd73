// SPDX-License-Identifier: Apache-2.0

// Hot works in main.hot for nine tenths of its time and in main.warm for the rest.
package main

import "fmt"

var result uint64

//go:noinline
func hot(steps int) {
	x := result
	for i := 0; i < 9*steps; i++ {
		x = x*6364136223846793005 + 1442695040888963407
	}
	result = x
}

//go:noinline
func warm(steps int) {
	x := result
	for i := 0; i < steps; i++ {
		x = x*6364136223846793005 + 1442695040888963407
	}
	result = x
}

func main() {
	fmt.Println("ready")
	for {
		hot(20000)
		warm(20000)
	}
}
