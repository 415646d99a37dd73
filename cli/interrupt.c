// SPDX-License-Identifier: Apache-2.0
#include "interrupt.h"

#include <errno.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/scope.h"

static const int signals[] = {SIGINT, SIGTERM, SIGHUP};

int interrupt_init(struct interrupt *i)
{
	struct sigaction now;
	sigset_t ours;

	sigemptyset(&ours);
	for (size_t n = 0; n < sizeof(signals) / sizeof(signals[0]); n++) {
		if (sigaction(signals[n], NULL, &now) == 0 && now.sa_handler != SIG_IGN)
			sigaddset(&ours, signals[n]);
	}
	i->fd = signalfd(-1, &ours, SFD_CLOEXEC | SFD_NONBLOCK);
	if (i->fd < 0)
		return -errno;
	sigprocmask(SIG_BLOCK, &ours, &i->before);
	return 0;
}

void interrupt_fini(struct interrupt *i)
{
	if (i->fd < 0)
		return;
	scope_close(&i->fd);
	i->fd = -1;
	sigprocmask(SIG_SETMASK, &i->before, NULL);
}

unsigned interrupt_take(struct interrupt *i)
{
	struct signalfd_siginfo info;
	unsigned n = 0;

	while (i->fd >= 0 && read(i->fd, &info, sizeof(info)) == (ssize_t)sizeof(info))
		n++;
	return n;
}
