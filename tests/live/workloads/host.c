// SPDX-License-Identifier: Apache-2.0

/* Works in host_work() until SIGUSR1 comes, then loads argv[1] and works in there. */
#include <dlfcn.h>
#include <signal.h>

#include "work.h"

static volatile sig_atomic_t told;

static void on_signal(int number)
{
	told = number;
}

KEEP static void host_work(void)
{
	work(100000);
}

int main(int argc, char **argv)
{
	void *plugin;
	void (*run)(void);

	if (argc != 2)
		return 2;
	signal(SIGUSR1, on_signal);
	say_ready();
	while (!told)
		host_work();
	plugin = dlopen(argv[1], RTLD_NOW);
	run = plugin ? (void (*)(void))dlsym(plugin, "plugin_run") : NULL;
	if (!run) {
		fprintf(stderr, "%s\n", dlerror());
		return 1;
	}
	run();
	return 0;
}
