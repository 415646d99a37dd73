// SPDX-License-Identifier: Apache-2.0

/*
 * Three named threads that hand a turn around: press does five units of work in
 * it, mill three, loom two. So their shares are 50, 30 and 20 % however they are
 * scheduled. Prints their names and thread IDs first.
 */
#include <pthread.h>
#include <semaphore.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "work.h"

#define N 3

static const struct {
	const char *name;
	unsigned units;
} threads[N] = {{"press", 5}, {"mill", 3}, {"loom", 2}};

static sem_t turns[N];
static pthread_barrier_t announced;
static uint64_t unit;

KEEP static void work_turn(unsigned units)
{
	work(units * unit);
}

static void *run(void *arg)
{
	size_t me = (size_t)arg;

	pthread_setname_np(pthread_self(), threads[me].name);
	printf("%s %ld\n", threads[me].name, syscall(SYS_gettid));
	pthread_barrier_wait(&announced);
	for (;;) {
		sem_wait(&turns[me]);
		if (me == 0)
			unit = 20 * jitter(); /* so long that handing around costs little */
		work_turn(threads[me].units);
		sem_post(&turns[(me + 1) % N]);
	}
	return NULL;
}

int main(void)
{
	pthread_t thread;

	pin(1);
	pthread_barrier_init(&announced, NULL, N + 1);
	for (size_t i = 0; i < N; i++) {
		sem_init(&turns[i], 0, 0);
		if (pthread_create(&thread, NULL, run, (void *)i))
			return 1;
	}
	pthread_barrier_wait(&announced);
	say_ready();
	sem_post(&turns[0]);
	pthread_join(thread, NULL);
	return 0;
}
