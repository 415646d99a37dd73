// SPDX-License-Identifier: Apache-2.0
/*
 * paths.h - find the symbolizer, whatever prefix we live in; open our socket
 */
#ifndef CPROFD_CPROFD_PATHS_H
#define CPROFD_CPROFD_PATHS_H

struct diag;

/*
 * Open cprofd-symbolizer (O_PATH): beside our own executable, as in a build tree,
 * or in ../libexec/cprofd, as installed. Never through $PATH. Gives a descriptor,
 * or a negative errno with `diag`.
 */
int paths_open_symbolizer(struct diag *diag);

/*
 * Listen on a Unix socket at `path`, mode 0600. A socket file that nobody listens on any more
 * is replaced; one with a listener is not (-EADDRINUSE). Gives a descriptor, or a
 * negative errno with `diag`.
 */
int paths_listen(const char *path, struct diag *diag);

#endif
