// SPDX-License-Identifier: Apache-2.0
/*
 * work.c - a program whose profile is known: work_three() takes three times as long as
 * work_one(), and work_kernel() spends its time below read() of /dev/zero
 *
 * x86-64, like the kernels it runs under.
 */
#include <fcntl.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

static volatile uint64_t sink;

static __attribute__((noinline)) void work_three(void)
{
	for (uint64_t i = 0; i < 30000; i++)
		sink = sink * 31 + i;
}

static __attribute__((noinline)) void work_one(void)
{
	for (uint64_t i = 0; i < 10000; i++)
		sink = sink * 31 + i;
}

/* The system call itself, for libc's read() has no frame pointer to lead back here. */
static __attribute__((noinline)) void work_kernel(int zeroes)
{
	static char buffer[1 << 16];
	long n = SYS_read;

	__asm__ volatile("syscall"
			 : "+a"(n)
			 : "D"(zeroes), "S"(buffer), "d"(sizeof(buffer))
			 : "rcx", "r11", "memory");
	if (n < 0)
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
