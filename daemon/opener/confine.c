// SPDX-License-Identifier: Apache-2.0
#include "opener/confine.h"

#include <errno.h>
#include <linux/capability.h>
#include <linux/perf_event.h>
#include <signal.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <seccomp.h>

/* glibc has no wrapper, and libcap would be one library more for one call */
static int keep_only(unsigned capability)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3] = {{0}};

	sets[capability / 32].permitted = sets[capability / 32].effective = 1u << capability % 32;
	return syscall(SYS_capset, &header, sets) ? -errno : 0;
}

/* Needs CAP_SETPCAP, which a service may not have; no exec is possible later, so it is a second
 * lock. */
static void empty_bounding_set(void)
{
	for (unsigned long c = 0; prctl(PR_CAPBSET_READ, c) >= 0; c++)
		(void)prctl(PR_CAPBSET_DROP, c);
}

static int close_all_but(int channel)
{
	if (channel != CONFINED_CHANNEL && dup2(channel, CONFINED_CHANNEL) < 0)
		return -errno;
	for (int fd = 0; fd < CONFINED_CHANNEL; fd++)
		(void)close(fd);
	return close_range(CONFINED_CHANNEL + 1, ~0u, 0) ? -errno : 0;
}

/* Any process, in any way grouped: only "whatever runs on this CPU", close-on-exec. */
static int allow_perf_event_open(scmp_filter_ctx filter)
{
	const struct scmp_arg_cmp args[] = {
		SCMP_A1(SCMP_CMP_MASKED_EQ, UINT32_MAX, UINT32_MAX), /* pid: -1 */
		SCMP_A3(SCMP_CMP_MASKED_EQ, UINT32_MAX, UINT32_MAX), /* group: -1 */
		SCMP_A4(SCMP_CMP_EQ, PERF_FLAG_FD_CLOEXEC, 0),
	};

	return seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, SCMP_SYS(perf_event_open),
		sizeof(args) / sizeof(*args), args);
}

static int fill(scmp_filter_ctx filter)
{
	static const int on_channel[] = {SCMP_SYS(recvmsg), SCMP_SYS(sendmsg)};
	static const int plain[] = {SCMP_SYS(close), SCMP_SYS(exit_group)};
	int err = allow_perf_event_open(filter);

	for (size_t i = 0; !err && i < sizeof(on_channel) / sizeof(*on_channel); i++)
		err = seccomp_rule_add(filter, SCMP_ACT_ALLOW, on_channel[i], 1,
			SCMP_A0(SCMP_CMP_EQ, CONFINED_CHANNEL, 0));
	for (size_t i = 0; !err && i < sizeof(plain) / sizeof(*plain); i++)
		err = seccomp_rule_add(filter, SCMP_ACT_ALLOW, plain[i], 0);
	return err;
}

static int filter_calls(void)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
	int err;

	if (!filter)
		return -ENOMEM;
	err = fill(filter);
	if (!err)
		err = seccomp_load(filter);
	seccomp_release(filter);
	return err;
}

int confine_self(int channel, pid_t parent)
{
	int err = close_all_but(channel);

	if (err)
		return err;
	(void)prctl(PR_SET_NAME, "cprofd-opener");
	empty_bounding_set();
	err = keep_only(CAP_SYS_ADMIN);
	if (err)
		return err;
	if (prctl(PR_SET_DUMPABLE, 0) || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
		prctl(PR_SET_PDEATHSIG, SIGKILL))
		return -errno;
	/* a parent that died before that line sends no signal any more */
	if (getppid() != parent)
		return -ESRCH;
	return filter_calls();
}
