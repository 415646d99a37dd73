// SPDX-License-Identifier: Apache-2.0
#include "sampler/explain.h"

#include <errno.h>
#include <limits.h>
#include <linux/capability.h>
#include <string.h>

#include "base/diag.h"

#define TAIL_MAX 1200 /* bytes of the verifier's log: its last dozen lines */

#ifndef CAP_PERFMON
#define CAP_PERFMON 38
#define CAP_BPF     39
#endif

static bool holds(uint64_t capabilities, unsigned capability)
{
	return capabilities >> capability & 1 || capabilities >> CAP_SYS_ADMIN & 1;
}

static const char *missing(uint64_t capabilities)
{
	bool bpf = holds(capabilities, CAP_BPF), perfmon = holds(capabilities, CAP_PERFMON);

	if (bpf && perfmon)
		return NULL;
	return bpf ? "CAP_PERFMON" : perfmon ? "CAP_BPF" : "CAP_BPF and CAP_PERFMON";
}

/* The part of `said` that is the verifier's log, without its last line if that counts instructions.
 */
static const char *find_log(const char *said, const char **ret_end)
{
	static const char begin_mark[] = "-- BEGIN PROG LOAD LOG --\n";
	const char *end = strstr(said, "-- END PROG LOAD LOG --");
	const char *begin = strstr(said, begin_mark);
	const char *stats = NULL;

	if (!end)
		return NULL;
	/* a long log lost its beginning */
	begin = begin && begin < end ? begin + strlen(begin_mark) : said;
	for (const char *at = begin; (at = strstr(at, "processed ")) && at < end; at++)
		if (at == begin || at[-1] == '\n')
			stats = at;
	*ret_end = stats ? stats : end;
	return begin;
}

bool explain_verifier_tail(const char *said, char *ret, size_t room)
{
	const char *end, *at = find_log(said, &end);
	size_t len;

	if (!at || !room)
		return false;
	while (end > at && end[-1] == '\n')
		end--;
	if ((size_t)(end - at) >= room) {
		const char *newline;

		at = end - (room - 1);
		newline = memchr(at, '\n', (size_t)(end - at));
		at = newline ? newline + 1 : at;
	}
	len = (size_t)(end - at);
	for (size_t i = 0; i < len; i++)
		ret[i] = at[i] == '\n' ? '|' : at[i] < ' ' || at[i] > '~' ? ' ' : at[i];
	ret[len] = '\0';
	return true;
}

/* What libbpf said last, without its newline. */
static void last_line(const char *said, const char **ret_at, int *ret_len)
{
	size_t len = strlen(said), start;

	while (len && said[len - 1] == '\n')
		len--;
	for (start = len; start && said[start - 1] != '\n'; start--)
		;
	*ret_at = said + start;
	*ret_len = (int)(len - start);
}

static int explain_otherwise(const struct load_refusal *r, struct diag *diag)
{
	const char *at;
	int len;

	last_line(r->said, &at, &len);
	return diag_set(diag, r->err, "loading the sampling program failed (%s)%s%.*s",
		strerror(-r->err), len ? ": " : "", len, at);
}

int explain_load(const struct load_refusal *r, struct diag *diag)
{
	const char *lacks = missing(r->capabilities);
	bool denied = r->err == -EPERM || r->err == -EACCES;
	char tail[TAIL_MAX];

	if (denied && lacks)
		return diag_set(diag, -EPERM,
			"cprofd may not load BPF programs: it lacks %s; run it as root or let its "
			"service have them (AmbientCapabilities=)",
			lacks);
	if (!r->has_btf)
		return diag_set(diag, -ENOTSUP,
			"this kernel carries no type information (no /sys/kernel/btf/vmlinux): "
			"boot one "
			"built with CONFIG_DEBUG_INFO_BTF=y, such as the distribution's own");
	if (r->err == -ENOSYS)
		return diag_set(diag, -ENOTSUP,
			"this kernel has no bpf(): boot one built with CONFIG_BPF_SYSCALL=y and "
			"CONFIG_BPF_EVENTS=y");
	if (explain_verifier_tail(r->said, tail, sizeof(tail)))
		return diag_set(diag, -ENOTSUP,
			"the kernel's verifier refused the sampling program (%s): try Linux 5.10 "
			"or later, "
			"or report it with the kernel's version and the end of the log: %s",
			strerror(-r->err), tail);
	if (r->err == -EPERM)
		return diag_set(diag, -EPERM,
			"the kernel refused BPF although the capabilities are there: look for "
			"lockdown=, a "
			"seccomp filter or a container around cprofd, or, before Linux 5.11, a "
			"small "
			"RLIMIT_MEMLOCK (LimitMEMLOCK=infinity)");
	return explain_otherwise(r, diag);
}

static int explain_rate(const struct open_refusal *r, struct diag *diag)
{
	if (r->max_rate >= 0 && r->hz > (unsigned long)r->max_rate)
		return diag_set(diag, -ERANGE,
			"%u Hz is above kernel.perf_event_max_sample_rate, which is %ld: ask for "
			"less, or "
			"raise it with sysctl -w kernel.perf_event_max_sample_rate=%u",
			r->hz, r->max_rate, r->hz);
	return diag_set(diag, -EINVAL,
		"the kernel does not take a CPU clock event of %u Hz on CPU %u (EINVAL)", r->hz,
		r->cpu);
}

static int explain_denied(const struct open_refusal *r, struct diag *diag)
{
	if (r->paranoid == LONG_MIN)
		return diag_set(diag, r->err,
			"the kernel has no perf events to offer (%s; no "
			"kernel.perf_event_paranoid): boot "
			"one built with CONFIG_PERF_EVENTS=y",
			strerror(-r->err));
	return diag_set(diag, r->err,
		"opening a perf event was refused (%s) with kernel.perf_event_paranoid = %ld: "
		"start "
		"cprofd as root or with CAP_SYS_ADMIN, which its opener alone keeps; in a "
		"container "
		"allow perf_event_open",
		strerror(-r->err), r->paranoid);
}

int explain_open(const struct open_refusal *r, struct diag *diag)
{
	switch (r->err) {
	case -EINVAL:
		return explain_rate(r, diag);
	case -EPERM:
	case -EACCES:
	case -ENOSYS:
		return explain_denied(r, diag);
	case -EPIPE:
		return diag_set(diag, -EPIPE,
			"cprofd's opener process is gone: restart cprofd, and look for what killed "
			"it");
	case -ENODEV:
		return diag_set(diag, -ENODEV, "no CPU is online for a clock event");
	case -EMFILE:
	case -ENFILE:
		return diag_set(diag, r->err,
			"out of file descriptors for a perf event on CPU %u: raise RLIMIT_NOFILE "
			"(LimitNOFILE=)",
			r->cpu);
	default:
		return diag_set(diag, r->err, "opening a perf event on CPU %u failed (%s)", r->cpu,
			strerror(-r->err));
	}
}
