// SPDX-License-Identifier: Apache-2.0
#include "opener/opener.h"

#include <errno.h>
#include <linux/perf_event.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fdpass.h"
#include "base/scope.h"
#include "opener/confine.h"
#include "opener/request.h"

/* ---- the child ---- */

static int open_event(const struct opener_request *request)
{
	struct perf_event_attr attr;
	int err = request_attr(request, &attr);
	long fd;

	if (err)
		return err;
	fd = syscall(SYS_perf_event_open, &attr, -1L, (long)request->cpu, -1L,
		(unsigned long)PERF_FLAG_FD_CLOEXEC);
	return fd < 0 ? -errno : (int)fd;
}

/* One request, one answer. False when the channel is closed or broken. */
static bool serve_one(int channel)
{
	scoped(scope_close) int passed = -1, fd = -1;
	uint8_t message[sizeof(struct opener_request) + 1]; /* one more, to see a longer one */
	struct opener_request request;
	int32_t answer;

	if (fdpass_recv(channel, message, sizeof(message), &passed) != sizeof(request))
		return false;
	memcpy(&request, message, sizeof(request));
	fd = passed >= 0 ? -EPROTO : open_event(&request);
	answer = fd < 0 ? fd : 0;
	return fdpass_send(channel, &answer, sizeof(answer), fd) == sizeof(answer);
}

static _Noreturn void run_child(int channel, pid_t parent)
{
	static const int ignored[] = {SIGINT, SIGTERM, SIGQUIT, SIGHUP};
	int32_t hello;

	/* a terminal's Ctrl-C or a manager's stop goes to all; cprofd decides when it is over */
	for (size_t i = 0; i < sizeof(ignored) / sizeof(*ignored); i++)
		(void)signal(ignored[i], SIG_IGN);
	hello = confine_self(channel, parent);
	/* an unconfined opener says so and serves nothing */
	if (fdpass_send(CONFINED_CHANNEL, &hello, sizeof(hello), -1) == sizeof(hello) && !hello)
		while (serve_one(CONFINED_CHANNEL))
			;
	_exit(hello ? 1 : 0);
}

/* ---- the parent ---- */

/* The 32-bit answer on `channel`: 0 or a negative errno; -EPIPE when there is none any more. */
static int receive_answer(int channel, int *ret_fd)
{
	scoped(scope_close) int fd = -1;
	int32_t answer;
	ssize_t n = fdpass_recv(channel, &answer, sizeof(answer), &fd);

	if (n == 0 || n == -ECONNRESET)
		return -EPIPE;
	if (n < 0)
		return (int)n;
	if (n != sizeof(answer) || answer > 0)
		return -EPROTO;
	if (!answer)
		*ret_fd = take_fd(&fd);
	return answer;
}

int opener_start(struct opener *ret)
{
	scoped(scope_close) int ours = -1, theirs = -1;
	pid_t parent = getpid();
	int pair[2], none = -1, err;
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
		return -errno;
	ours = pair[0];
	theirs = pair[1];
	pid = fork();
	if (pid < 0)
		return -errno;
	if (pid == 0)
		run_child(theirs, parent);
	scope_close(&theirs);
	theirs = -1;
	err = receive_answer(ours, &none);
	scope_close(&none);
	if (err) {
		/* it may be fine and wait for requests, when it is its answer that got lost */
		scope_close(&ours);
		ours = -1;
		(void)waitpid(pid, NULL, 0);
		return err;
	}
	*ret = (struct opener){.channel = take_fd(&ours), .pid = pid};
	return 0;
}

static int ask(struct opener *o, const struct opener_request *request)
{
	ssize_t n = fdpass_send(o->channel, request, sizeof(*request), -1);
	int fd = -1, err;

	if (n < 0)
		return n == -ECONNRESET || n == -EBADF ? -EPIPE : (int)n;
	err = receive_answer(o->channel, &fd);
	if (err)
		return err;
	return fd >= 0 ? fd : -EPROTO;
}

int opener_open_clock(struct opener *o, unsigned cpu, unsigned hz)
{
	struct opener_request request = {.kind = REQUEST_CLOCK, .cpu = cpu, .hz = hz};

	return ask(o, &request);
}

int opener_open_sideband(struct opener *o, unsigned cpu, uint32_t features, uint32_t wakeup_bytes)
{
	struct opener_request request = {.kind = REQUEST_SIDEBAND,
		.cpu = cpu,
		.features = features,
		.wakeup_bytes = wakeup_bytes};

	return ask(o, &request);
}

void opener_stop(struct opener *o)
{
	if (o->channel < 0)
		return;
	/*
	 * Shut down, not only closed: a copy of the descriptor in some child would keep it open.
	 * No signal: after cprofd changed its user id it may not send one.
	 */
	(void)shutdown(o->channel, SHUT_RDWR);
	(void)close(o->channel);
	while (waitpid(o->pid, NULL, 0) < 0 && errno == EINTR)
		;
	*o = (struct opener){.channel = -1};
}
