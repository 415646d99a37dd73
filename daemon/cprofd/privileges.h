// SPDX-License-Identifier: Apache-2.0
/*
 * privileges.h - start as root, go on as somebody who can do five things
 */
#ifndef CPROFD_CPROFD_PRIVILEGES_H
#define CPROFD_CPROFD_PRIVILEGES_H

struct diag;

/*
 * Become the user `cprofd` (or `nobody`, where that does not exist), keep
 * CAP_BPF, CAP_PERFMON, CAP_SYS_PTRACE, CAP_DAC_READ_SEARCH and
 * CAP_CHECKPOINT_RESTORE, and give up everything else for good. Where the kernel
 * is older than CAP_BPF (5.8) it says so. A process that is not root keeps its user
 * and must hold those capabilities already.
 * Returns 0 or a negative errno with `diag`.
 */
int privileges_shed(struct diag *diag);

#endif
