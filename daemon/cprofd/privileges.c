// SPDX-License-Identifier: Apache-2.0
#include "cprofd/privileges.h"

#include <ctype.h>
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <sys/capability.h>

#include "base/diag.h"

#define NOBODY 65534

static const cap_value_t kept[] = {
	CAP_BPF, CAP_PERFMON, CAP_SYS_PTRACE, CAP_DAC_READ_SEARCH, CAP_CHECKPOINT_RESTORE};
#define N_KEPT (sizeof(kept) / sizeof(kept[0]))

static void release_caps(cap_t *caps)
{
	if (*caps)
		(void)cap_free(*caps);
}

static int change_user(void)
{
	const struct passwd *own = getpwnam("cprofd");
	uid_t uid = own ? own->pw_uid : NOBODY;
	gid_t gid = own ? own->pw_gid : NOBODY;

	if (prctl(PR_SET_KEEPCAPS, 1L) || setgroups(0, NULL) || setresgid(gid, gid, gid) ||
		setresuid(uid, uid, uid))
		return -errno;
	return 0;
}

/* Exactly the five, permitted and effective, nothing inheritable. */
static int keep_five(void)
{
	__attribute__((cleanup(release_caps))) cap_t caps = cap_init();

	if (!caps || cap_set_flag(caps, CAP_PERMITTED, N_KEPT, kept, CAP_SET) ||
		cap_set_flag(caps, CAP_EFFECTIVE, N_KEPT, kept, CAP_SET) || cap_set_proc(caps))
		return -errno;
	return 0;
}

/* The names of those of the five that we have not got, in `ret`. */
static void name_missing(char *ret, size_t room)
{
	__attribute__((cleanup(release_caps))) cap_t caps = cap_get_proc();
	size_t len = 0;

	ret[0] = '\0';
	for (size_t i = 0; caps && i < N_KEPT && len < room; i++) {
		cap_flag_value_t has = CAP_SET;
		char *name = cap_to_name(kept[i]);

		(void)cap_get_flag(caps, kept[i], CAP_PERMITTED, &has);
		if (name && has == CAP_CLEAR)
			len += (size_t)snprintf(
				ret + len, room - len, "%s%s", len ? ", " : "", name);
		(void)cap_free(name);
	}
	/* the library writes them in lower case */
	for (char *at = ret; *at; at++)
		*at = (char)toupper((unsigned char)*at);
}

static int explain_missing(int err, struct diag *diag)
{
	char missing[160];

	name_missing(missing, sizeof(missing));
	return diag_set(diag, err,
		"cprofd lacks %s (%s): start it as root, in a container with these capabilities "
		"added, or let its service have them (AmbientCapabilities=)",
		missing[0] ? missing : "capabilities", strerror(-err));
}

/* Nothing that is executed later can gain any. Needs CAP_SETPCAP, so before keep_five(). */
static void empty_bounding_set(void)
{
	for (cap_value_t cap = 0; CAP_IS_SUPPORTED(cap); cap++)
		(void)cap_drop_bound(cap);
}

int privileges_shed(struct diag *diag)
{
	bool root = geteuid() == 0;
	int err;

	if (root)
		empty_bounding_set();
	err = root ? change_user() : 0;
	if (err)
		return diag_set(
			diag, err, "cannot become an unprivileged user: %s", strerror(-err));
	err = keep_five();
	if (err)
		return explain_missing(err, diag);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1L, 0L, 0L, 0L) || prctl(PR_SET_DUMPABLE, 0L))
		return diag_set(diag, -errno, "prctl: %s", strerror(errno));
	return 0;
}
