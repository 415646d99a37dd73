// SPDX-License-Identifier: Apache-2.0
/*
 * work.c - a program whose profile is known: work_three() takes three times as long as
 * work_one(), and work_kernel() spends its time below read() of /dev/zero
 */
#include <fcntl.h>
#include <stdint.h>
#include <unistd.h>

static volatile uint64_t sink;

static __attribute__((noinline)) void work_three(void)
{
	for (uint64_t i = 0; i < 300000; i++)
		sink = sink * 31 + i;
}

static __attribute__((noinline)) void work_one(void)
{
	for (uint64_t i = 0; i < 100000; i++)
		sink = sink * 31 + i;
}

static __attribute__((noinline)) void work_kernel(int zeroes)
{
	static char buffer[1 << 16];

	for (int i = 0; i < 20; i++)
		if (read(zeroes, buffer, sizeof(buffer)) < 0)
			_exit(1);
}

int main(void)
{
	int zeroes = open("/dev/zero", O_RDONLY);

	for (;;) {
		work_three();
		work_one();
		work_kernel(zeroes);
	}
}
