// SPDX-License-Identifier: Apache-2.0
#include "symbolizer/sandbox.h"

#include <errno.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <seccomp.h>

#ifdef __has_feature /* clang's way to say it, beside gcc's macro */
#if __has_feature(address_sanitizer)
#define SANITIZED
#endif
#endif
#ifdef __SANITIZE_ADDRESS__
#define SANITIZED
#endif

#define MAX_DATA          (320ull << 20)
#define MAX_ADDRESS_SPACE (8ull << 30)

static int refuse_privileges(void)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct caps[_LINUX_CAPABILITY_U32S_3] = {0};
	uid_t real, effective, saved;
	gid_t real_gid, effective_gid, saved_gid;

	if (getresuid(&real, &effective, &saved) < 0 ||
		getresgid(&real_gid, &effective_gid, &saved_gid) < 0)
		return -errno;
	if (!real || !effective || !saved || !real_gid || !effective_gid || !saved_gid)
		return -EPERM;
	if (syscall(SYS_capget, &header, caps) < 0)
		return -errno;
	for (unsigned i = 0; i < _LINUX_CAPABILITY_U32S_3; i++)
		if (caps[i].effective | caps[i].permitted | caps[i].inheritable)
			return -EPERM;
	return 0;
}

static int close_all_but(int channel)
{
	unsigned kept = (unsigned)channel;

	if (kept && close_range(0, kept - 1, 0) < 0)
		return -errno;
	return close_range(kept + 1, ~0u, 0) < 0 ? -errno : 0;
}

/* Lower both limits to `most`; *ret, if given, is what they are then. */
static int lower(int resource, rlim_t most, rlim_t *ret)
{
	struct rlimit limit;

	if (getrlimit((__rlimit_resource_t)resource, &limit) < 0)
		return -errno;
	if (limit.rlim_max < most)
		most = limit.rlim_max;
	limit = (struct rlimit){most, most};
	if (setrlimit((__rlimit_resource_t)resource, &limit) < 0)
		return -errno;
	if (ret)
		*ret = most;
	return 0;
}

static int lower_limits(uint32_t want_fds, uint32_t *ret_fds)
{
	static const struct {
		int resource;
		rlim_t most;
	} limits[] = {
		{RLIMIT_CORE, 0},
		{RLIMIT_FSIZE, 0},
		{RLIMIT_NPROC, 0},
#ifndef SANITIZED /* its shadow alone takes terabytes */
		{RLIMIT_DATA, MAX_DATA},
		{RLIMIT_AS, MAX_ADDRESS_SPACE},
#endif
	};
	rlim_t fds;
	int err = lower(RLIMIT_NOFILE, want_fds, &fds);

	for (size_t i = 0; !err && i < sizeof(limits) / sizeof(*limits); i++)
		err = lower(limits[i].resource, limits[i].most, NULL);
	if (!err)
		*ret_fds = (uint32_t)fds;
	return err;
}

static int shed(void)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0 ||
		prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
		return -errno;
	return clearenv() == 0 ? 0 : -ENOMEM;
}

/* What the work takes: the channel, reading what it brought, memory, and an end. */
static const int allowed[] = {
	SCMP_SYS(recvmsg),
	SCMP_SYS(sendmsg),
	SCMP_SYS(pread64),
	SCMP_SYS(lseek),
	SCMP_SYS(close),
	SCMP_SYS(munmap),
	SCMP_SYS(madvise),
	SCMP_SYS(mremap),
	SCMP_SYS(brk),
	SCMP_SYS(futex),
	SCMP_SYS(getrandom),
	SCMP_SYS(clock_gettime),
	SCMP_SYS(sysinfo), /* glibc's qsort asks how much memory there is */
	SCMP_SYS(rt_sigreturn),
	SCMP_SYS(restart_syscall),
	SCMP_SYS(exit),
	SCMP_SYS(exit_group),
#ifdef SANITIZED /* asks where its stack ends before a jump or an end */
	SCMP_SYS(sigaltstack),
	SCMP_SYS(sched_yield),
#endif
};

static int add_rules(scmp_filter_ctx filter)
{
	const struct scmp_arg_cmp not_executable = SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0);
	int err = 0;

	for (size_t i = 0; !err && i < sizeof(allowed) / sizeof(*allowed); i++)
		err = seccomp_rule_add(filter, SCMP_ACT_ALLOW, allowed[i], 0);
	if (!err)
		err = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1, not_executable);
	if (!err)
		err = seccomp_rule_add(
			filter, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1, not_executable);
	return err;
}

static int filter_syscalls(void)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
	int err;

	if (!filter)
		return -ENOMEM;
	err = add_rules(filter);
	if (!err)
		err = seccomp_load(filter);
	seccomp_release(filter);
	return err;
}

int sandbox_enter(int channel, uint32_t want_fds, uint32_t *ret_fds)
{
	uint32_t fds;
	int err = refuse_privileges();

	if (!err)
		err = close_all_but(channel);
	if (!err)
		err = lower_limits(want_fds, &fds);
	if (!err)
		err = shed();
	if (!err)
		err = filter_syscalls();
	if (!err)
		*ret_fds = fds;
	return err;
}
