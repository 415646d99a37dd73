// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "symbols/engine.h"

#define BACKOFF_FIRST_NS (100 * NS_PER_MS)
#define BACKOFF_MOST_NS  (30 * NS_PER_S)
#define HEALTHY_NS       (60 * NS_PER_S)
#define EARLY_ENDS_MOST  3
#define SWEEP_US         (30 * 1000 * 1000)
#define SWEEP_ACCURACY   (5 * 1000 * 1000)
#define ACCURACY_US      1000

/*
 * The deadline is waited for in quarters, each counted from the moment the one before was
 * noticed: a daemon that was itself stopped for a while loses one of them, no more.
 */
#define QUARTERS 4

bool symbols_unavailable(const struct symbols *s)
{
	return s->early_ends >= EARLY_ENDS_MOST;
}

/* ---- the clock of the question that is out ---- */

static uint64_t quarter_us(const struct symbols *s)
{
	uint64_t us = s->options.deadline_ns / 1000 / QUARTERS;

	return us ? us : 1;
}

static int on_patience(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct symbols *s = userdata;

	(void)usec;
	if (s->asked.kind == ASKED_NOTHING)
		return 0;
	if (--s->patience_left == 0) {
		supervise_lost(s, LOSS_HANG, true);
		return 0;
	}
	(void)sd_event_source_set_time_relative(source, quarter_us(s));
	return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

static void watch_clock(struct symbols *s)
{
	s->patience_left = QUARTERS;
	(void)sd_event_source_set_time_relative(s->patience, quarter_us(s));
	(void)sd_event_source_set_enabled(s->patience, SD_EVENT_ONESHOT);
}

/* ---- talk ---- */

/* Send what the socket takes, and come back for the rest. */
static void push(struct symbols *s)
{
	int r = channel_flush(&s->channel);

	/* it went before it could read all of the question: not the object's doing */
	if (r < 0)
		supervise_lost(s, LOSS_CRASH, false);
	else
		(void)sd_event_source_set_io_events(s->io, EPOLLIN | (r ? EPOLLOUT : 0));
}

void supervise_asked(struct symbols *s)
{
	watch_clock(s);
	push(s);
}

bool supervise_alive(struct symbols *s)
{
	char byte;
	ssize_t n = recv(s->channel.sock, &byte, 1, MSG_PEEK | MSG_DONTWAIT);

	if (n < 0 && errno == EAGAIN && !s->channel.in.len)
		return true;
	supervise_lost(s, n > 0 || s->channel.in.len ? LOSS_NONSENSE : LOSS_CRASH, false);
	return false;
}

void supervise_answered(struct symbols *s)
{
	if (s->asked.kind == ASKED_HELLO) {
		s->ready = true;
		s->early_ends = 0;
		s->ready_since_ns = clock_monotonic_ns();
	}
	(void)sd_event_source_set_enabled(s->patience, SD_EVENT_OFF);
	s->asked = (struct asked){.kind = ASKED_NOTHING};
	s->batch.job = NULL;
	ask_next(s);
}

static void take_frame(struct symbols *s)
{
	const uint8_t *bytes;
	size_t len;
	int r = channel_next(&s->channel, &bytes, &len);

	if (r == 0)
		return;
	if (r < 0 || ask_take_answer(s, bytes, len) < 0) {
		supervise_lost(s, LOSS_NONSENSE, true);
		return;
	}
	channel_drop(&s->channel);
	if (s->channel.in.len)
		supervise_lost(s, LOSS_NONSENSE, true);
	else
		supervise_answered(s);
}

/* Take one piece of what has come; true when more may be there. */
static bool pull(struct symbols *s)
{
	int r = channel_fill(&s->channel);

	if (r == 0)
		return false;
	if (r > 0) {
		take_frame(s);
		return s->io;
	}
	if (r == -EPROTO || r == -EMSGSIZE)
		supervise_lost(s, LOSS_NONSENSE, true);
	else
		supervise_lost(s, LOSS_CRASH, channel_idle(&s->channel));
	return false;
}

static int on_io(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	struct symbols *s = userdata;

	(void)source;
	(void)fd;
	if (events & EPOLLOUT)
		push(s);
	if (s->io && events & (EPOLLIN | EPOLLHUP | EPOLLERR))
		(void)pull(s);
	return 0;
}

/* ---- the process ---- */

/* It has ended. What it said before still counts. */
static int on_end(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	struct symbols *s = userdata;

	(void)source;
	(void)fd;
	(void)events;
	s->end = sd_event_source_disable_unref(s->end);
	(void)child_reap(&s->child);
	while (s->io && pull(s))
		;
	if (s->io)
		supervise_lost(s, LOSS_CRASH, channel_idle(&s->channel));
	return 0;
}

static void let_go(struct symbols *s)
{
	s->ready = false;
	s->asked = (struct asked){.kind = ASKED_NOTHING};
	s->batch.job = NULL;
	s->io = sd_event_source_disable_unref(s->io);
	if (s->patience)
		(void)sd_event_source_set_enabled(s->patience, SD_EVENT_OFF);
	channel_fini(&s->channel);
	child_kill(&s->child);
	known_forgotten(&s->known);
}

static void restart_later(struct symbols *s)
{
	(void)sd_event_source_set_time_relative(s->restart, s->backoff_ns / 1000);
	(void)sd_event_source_set_enabled(s->restart, SD_EVENT_ONESHOT);
	s->backoff_ns = s->backoff_ns * 2 < BACKOFF_MOST_NS ? s->backoff_ns * 2 : BACKOFF_MOST_NS;
}

static void note_end(struct symbols *s)
{
	if (!s->ready && s->early_ends < EARLY_ENDS_MOST)
		s->early_ends++;
	else if (s->ready && clock_monotonic_ns() - s->ready_since_ns >= HEALTHY_NS)
		s->backoff_ns = BACKOFF_FIRST_NS;
}

static void set_aside(struct symbols *s, struct known *k)
{
	known_unqueue(&s->known, k);
	k->state = KNOWN_HOPELESS;
	k->reason = SYMBOL_SET_ASIDE;
	s->totals.set_aside++;
}

void supervise_lost(struct symbols *s, enum loss why, bool blame)
{
	uint64_t *const counters[] = {[LOSS_CRASH] = &s->totals.crashes,
		[LOSS_HANG] = &s->totals.hangs,
		[LOSS_NONSENSE] = &s->totals.nonsense};

	++*counters[why];
	if (blame && (s->asked.kind == ASKED_ADD || s->asked.kind == ASKED_NAMES))
		set_aside(s, s->batch.known);
	note_end(s);
	let_go(s);
	restart_later(s);
	ask_next(s); /* nothing can be asked now, but jobs may be through */
}

static int start(struct symbols *s)
{
	int sock, err = child_start(s->options.program_fd, &s->child, &sock);

	if (err)
		return err;
	s->channel = channel_over(sock);
	err = sd_event_add_io(s->loop, &s->io, sock, EPOLLIN, on_io, s);
	if (err >= 0)
		err = sd_event_add_io(s->loop, &s->end, s->child.pidfd, EPOLLIN, on_end, s);
	/* an answer that is there counts, even if its time has passed as well */
	if (err >= 0)
		err = sd_event_source_set_priority(s->io, SD_EVENT_PRIORITY_IMPORTANT);
	return err < 0 ? err : 0;
}

static void try_start(struct symbols *s)
{
	if (s->started)
		s->totals.restarts++;
	s->started = true;
	if (start(s) == 0) {
		ask_hello(s);
		return;
	}
	s->end = sd_event_source_disable_unref(s->end);
	supervise_lost(s, LOSS_CRASH, false);
	child_fini(&s->child);
}

static int on_restart(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct symbols *s = userdata;

	(void)source;
	(void)usec;
	/* never two of them: one that still dies, in the kernel perhaps, is waited for */
	if (s->end)
		restart_later(s);
	else
		try_start(s);
	return 0;
}

static int on_sweep(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct symbols *s = userdata;

	(void)usec;
	known_sweep(&s->known, s->asked.kind != ASKED_NOTHING ? s->batch.known : NULL, ask_drop, s);
	if (s->io)
		push(s);
	(void)sd_event_source_set_time_relative(source, SWEEP_US);
	return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

static int add_timer(struct symbols *s, uint64_t in_us, uint64_t accuracy_us,
	sd_event_time_handler_t handler, int enabled, sd_event_source **ret)
{
	int err = sd_event_add_time_relative(
		s->loop, ret, CLOCK_MONOTONIC, in_us, accuracy_us, handler, s);

	return err < 0 ? err : sd_event_source_set_enabled(*ret, enabled);
}

int supervise_init(struct symbols *s)
{
	int err;

	s->child = CHILD_NONE;
	s->channel = channel_over(-1);
	s->backoff_ns = BACKOFF_FIRST_NS;
	err = add_timer(s, 0, ACCURACY_US, on_patience, SD_EVENT_OFF, &s->patience);
	if (err >= 0)
		err = add_timer(s, 0, ACCURACY_US, on_restart, SD_EVENT_OFF, &s->restart);
	if (err >= 0)
		err = add_timer(s, SWEEP_US, SWEEP_ACCURACY, on_sweep, SD_EVENT_ONESHOT, &s->sweep);
	if (err < 0)
		return err;
	try_start(s);
	return 0;
}

void supervise_fini(struct symbols *s)
{
	let_go(s);
	s->end = sd_event_source_disable_unref(s->end);
	child_fini(&s->child);
	s->patience = sd_event_source_disable_unref(s->patience);
	s->restart = sd_event_source_disable_unref(s->restart);
	s->sweep = sd_event_source_disable_unref(s->sweep);
}
