// SPDX-License-Identifier: Apache-2.0
#include "cprofd/daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include <systemd/sd-event.h>

#include "base/clock.h"
#include "base/diag.h"
#include "base/scope.h"
#include "collect/account.h"
#include "collect/collect.h"
#include "cprofd/paths.h"
#include "cprofd/privileges.h"
#include "opener/opener.h"
#include "sampler/sampler.h"
#include "server/server.h"
#include "store/store.h"
#include "symbols/symbols.h"
#include "tracker/tracker.h"

struct daemon {
	struct options options;
	sd_event *loop;
	struct opener opener;
	int symbolizer_fd, kallsyms_fd, listen_fd;
	struct tracker *tracker;
	struct sampler *sampler;
	struct store *store;
	struct symbols *symbols;
	struct collect *collect;
	struct account *started;
	struct server *server;
};

void daemon_free(struct daemon *d)
{
	if (!d)
		return;
	server_free(d->server);
	if (d->sampler)
		(void)sampler_stop(d->sampler);
	account_free(d->started);
	collect_free(d->collect);
	symbols_free(d->symbols);
	store_free(d->store);
	sampler_free(d->sampler);
	tracker_free(d->tracker);
	opener_stop(&d->opener);
	sd_event_unref(d->loop);
	scope_close(&d->listen_fd);
	scope_close(&d->kallsyms_fd);
	scope_close(&d->symbolizer_fd);
	free(d);
}

/* Objects stay open while they have samples: as many as the hard limit allows. */
static void raise_descriptors(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		return;
	limit.rlim_cur = limit.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &limit);
}

/* What only root can open is opened before root is given up. */
static int take_privileged(struct daemon *d, struct diag *diag)
{
	int err;

	raise_descriptors();
	sampler_prepare();
	/* addresses are shown to whoever may see them at this moment */
	d->kallsyms_fd = open("/proc/kallsyms", O_RDONLY | O_CLOEXEC);
	d->symbolizer_fd = paths_open_symbolizer(diag);
	if (d->symbolizer_fd < 0)
		return d->symbolizer_fd;
	if (d->options.socket) {
		d->listen_fd = paths_listen(d->options.socket, diag);
		if (d->listen_fd < 0)
			return d->listen_fd;
	}
	err = opener_start(&d->opener);
	if (err)
		return diag_set(diag, err,
			"cannot start the opener of perf events (%s): start cprofd as root, in a "
			"container with CAP_SYS_ADMIN added, which the opener alone keeps",
			strerror(-err));
	err = privileges_shed(diag);
	if (err)
		return err;
	/* a change of user clears it */
	if (d->options.private && prctl(PR_SET_PDEATHSIG, (unsigned long)SIGKILL))
		return diag_set(diag, -errno, "prctl: %s", strerror(errno));
	return 0;
}

static void image_ref_owner(void *image)
{
	(void)image_ref(image);
}

static void image_unref_owner(void *image)
{
	image_unref(image);
}

static int start_tracking(struct daemon *d, struct diag *diag)
{
	const struct tracker_options options = {0};
	int err = tracker_new(&options, &d->tracker);

	if (!err)
		err = tracker_attach(d->tracker, &d->opener, diag);
	if (err)
		return err;
	err = tracker_scan(d->tracker);
	return err ? diag_set(diag, err, "cannot read /proc: %s", strerror(-err)) : 0;
}

static int start_keeping(struct daemon *d)
{
	const struct store_options store = {
		.budget_bytes = d->options.store_bytes,
		.owner_ref = image_ref_owner,
		.owner_unref = image_unref_owner,
	};
	const struct symbols_options symbols = {
		.program_fd = d->symbolizer_fd, .kallsyms_fd = d->kallsyms_fd};
	int err = store_new(&store, &d->store);

	return err ? err : symbols_new(d->loop, &symbols, &d->symbols);
}

static int start_sampling(struct daemon *d, struct diag *diag)
{
	const struct sampler_options options = {
		.hz = d->options.hz, .ring_bytes = d->options.ring_bytes};
	struct collect_parts parts;
	int err = sampler_new(&d->opener, &options, diag, &d->sampler);

	if (err)
		return err;
	parts = (struct collect_parts){
		.sampler = d->sampler,
		.tracker = d->tracker,
		.store = d->store,
		.symbols = d->symbols,
		.opener_pid = d->opener.pid,
	};
	err = collect_new(d->loop, &parts, &d->collect);
	if (!err)
		err = account_take(d->collect, &d->started);
	if (!err)
		err = sampler_start(d->sampler);
	return err ? diag_set(diag, err, "cannot start sampling: %s", strerror(-err)) : 0;
}

static int start_serving(struct daemon *d)
{
	const struct server_parts parts = {
		.collect = d->collect,
		.started = d->started,
		.started_ns = clock_monotonic_ns(),
		.store_budget_bytes = d->options.store_bytes,
	};
	int err = server_new(d->loop, &parts, &d->server);

	if (!err && d->options.private)
		return server_serve_private(d->server, OPTIONS_PRIVATE_FD);
	return err ? err : server_listen(d->server, take_fd(&d->listen_fd));
}

static int on_signal(sd_event_source *source, const struct signalfd_siginfo *info, void *ctx)
{
	(void)info;
	(void)ctx;
	return sd_event_exit(sd_event_source_get_event(source), 0);
}

/*
 * Ctrl-C reaches everybody in a terminal's foreground group: a private daemon
 * leaves it to its client, who then asks for the profile. What is ignored here
 * stays so in the opener and the symbolizer.
 */
static int watch_signals(struct daemon *d)
{
	int err = sd_event_default(&d->loop);
	sigset_t mask;

	if (err < 0)
		return err;
	(void)sigemptyset(&mask);
	(void)sigaddset(&mask, SIGTERM);
	if (!d->options.private)
		(void)sigaddset(&mask, SIGINT);
	if (sigprocmask(SIG_BLOCK, &mask, NULL))
		return -errno;
	err = sd_event_add_signal(d->loop, NULL, SIGTERM, on_signal, NULL);
	if (err >= 0 && !d->options.private)
		err = sd_event_add_signal(d->loop, NULL, SIGINT, on_signal, NULL);
	return err < 0 ? err : 0;
}

/* Order matters: side-band before the scan, both before the first sample. */
static int start(struct daemon *d, struct diag *diag)
{
	int err;

	(void)signal(SIGPIPE, SIG_IGN);
	if (d->options.private)
		(void)signal(SIGINT, SIG_IGN);
	err = take_privileged(d, diag);
	if (err)
		return err;
	err = watch_signals(d);
	if (!err)
		err = start_keeping(d);
	if (err)
		return diag_set(diag, err, "cannot start: %s", strerror(-err));
	err = start_tracking(d, diag);
	if (!err)
		err = start_sampling(d, diag);
	if (err)
		return err;
	err = start_serving(d);
	return err ? diag_set(diag, err, "cannot serve: %s", strerror(-err)) : 0;
}

int daemon_new(const struct options *options, struct diag *diag, struct daemon **ret)
{
	struct daemon *d = calloc(1, sizeof(*d));
	int err;

	if (!d)
		return diag_set(diag, -ENOMEM, "out of memory");
	d->options = *options;
	d->opener = (struct opener){.channel = -1};
	d->symbolizer_fd = d->kallsyms_fd = d->listen_fd = -1;
	err = start(d, diag);
	if (err) {
		daemon_free(d);
		return err;
	}
	*ret = d;
	return 0;
}

int daemon_run(struct daemon *d)
{
	int err = sd_event_loop(d->loop);

	return err < 0 ? err : 0;
}
