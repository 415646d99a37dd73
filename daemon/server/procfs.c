// SPDX-License-Identifier: Apache-2.0
#include "server/procfs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/io.h"
#include "base/scope.h"

#define STATUS_MAX  65536 /* bytes; a list of groups makes it long */
#define LARGEST_PID (1 << 22)

pid_t procfs_parse_tgid(const char *text, size_t len)
{
	static const char key[] = "\nTgid:\t";
	const char *at = memmem(text, len, key, sizeof(key) - 1);
	const char *end = text + len;
	long tgid = 0;

	if (!at)
		return -EBADMSG;
	for (at += sizeof(key) - 1; at < end && *at >= '0' && *at <= '9'; at++) {
		tgid = tgid * 10 + (*at - '0');
		if (tgid > LARGEST_PID)
			return -EBADMSG;
	}
	return at < end && *at == '\n' && tgid ? (pid_t)tgid : -EBADMSG;
}

pid_t procfs_tgid(pid_t pid)
{
	scoped(buf_fini) struct buf text = buf_with_ceiling(STATUS_MAX);
	char path[32];
	int err;

	(void)snprintf(path, sizeof(path), "/proc/%d/status", pid);
	err = io_read_file(AT_FDCWD, path, &text);
	if (err)
		return err == -ENOENT || err == -ESRCH ? -ESRCH : err;
	return procfs_parse_tgid((const char *)text.bytes, text.len);
}
