// SPDX-License-Identifier: Apache-2.0

/* The main thread ends; another one works on. */
#include <pthread.h>

#include "work.h"

KEEP static void orphan_work(void)
{
	work(100000);
}

static void *run(void *none)
{
	(void)none;
	for (;;)
		orphan_work();
	return NULL;
}

int main(void)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, run, NULL))
		return 1;
	say_ready();
	pthread_exit(NULL);
}
