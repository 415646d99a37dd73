// SPDX-License-Identifier: Apache-2.0
/*
 * commands.h - what clients can ask for
 */
#ifndef CPROFD_SERVER_COMMANDS_H
#define CPROFD_SERVER_COMMANDS_H

#include "proto/control.pb-c.h"

struct connection;

/* Carry out one message of a client that has said Hello. Answers go to the connection. */
void command_run(struct connection *c, const Cprofd__Control__ClientMessage *message);

#endif
