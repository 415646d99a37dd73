// SPDX-License-Identifier: Apache-2.0
#include "base/fdpass.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

/* Room for more descriptors than anybody may send: a sender of two must be seen. */
#define MAX_SEEN 8

ssize_t fdpass_send(int sock, const void *bytes, size_t len, int fd)
{
	union {
		struct cmsghdr align;
		char room[CMSG_SPACE(sizeof(int))];
	} control = {0};
	struct iovec io = {.iov_base = (void *)(uintptr_t)bytes, .iov_len = len};
	struct msghdr msg = {.msg_iov = &io, .msg_iovlen = 1};
	ssize_t n;

	if (fd >= 0) {
		struct cmsghdr *c;

		msg.msg_control = control.room;
		msg.msg_controllen = sizeof(control.room);
		c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(c), &fd, sizeof(fd));
	}
	do
		n = sendmsg(sock, &msg, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}

/* Collect the descriptors of `msg`; returns how many there were. */
static size_t descriptors_of(struct msghdr *msg, int *fds)
{
	size_t n = 0;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		size_t here;

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		here = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < here && n < MAX_SEEN; i++)
			memcpy(&fds[n++], CMSG_DATA(c) + i * sizeof(int), sizeof(int));
	}
	return n;
}

ssize_t fdpass_recv(int sock, void *bytes, size_t len, int *ret_fd)
{
	union {
		struct cmsghdr align;
		char room[CMSG_SPACE(MAX_SEEN * sizeof(int))];
	} control = {0};
	struct iovec io = {.iov_base = bytes, .iov_len = len};
	struct msghdr msg = {.msg_iov = &io,
		.msg_iovlen = 1,
		.msg_control = control.room,
		.msg_controllen = sizeof(control.room)};
	int fds[MAX_SEEN];
	size_t n_fds;
	ssize_t n;

	do
		n = recvmsg(sock, &msg, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	n_fds = descriptors_of(&msg, fds);
	if (n_fds > 1 || msg.msg_flags & MSG_CTRUNC) {
		for (size_t i = 0; i < n_fds; i++)
			(void)close(fds[i]);
		/* eight fit, so one that was cut off found no free number in this process */
		return n_fds > 1 ? -EPROTO : -EMFILE;
	}
	*ret_fd = n_fds ? fds[0] : -1;
	return n;
}
