// SPDX-License-Identifier: Apache-2.0
/*
 * status.h - how the daemon is doing, as a message
 */
#ifndef CPROFD_SERVER_STATUS_H
#define CPROFD_SERVER_STATUS_H

struct connection;

/* Answer a StatusRequest. */
void status_send(struct connection *c);

#endif
