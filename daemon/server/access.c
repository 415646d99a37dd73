// SPDX-License-Identifier: Apache-2.0
#include "server/access.h"

#include <errno.h>
#include <sys/socket.h>

int access_peer(int sock, struct peer *ret)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);

	if (getsockopt(sock, SOL_SOCKET, SO_PEERCRED, &cred, &len))
		return -errno;
	*ret = (struct peer){.uid = cred.uid, .gid = cred.gid, .pid = cred.pid};
	return 0;
}

bool access_everything(const struct peer *p)
{
	return p->uid == 0;
}
