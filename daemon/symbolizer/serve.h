// SPDX-License-Identifier: Apache-2.0
/*
 * serve.h - the symbolizer's side of proto/symbolize.proto
 *
 * One request, one answer, in order. cprofd is trusted to keep the protocol: a
 * breach (no Hello first, a number in use, an unknown object, too many addresses, a
 * missing or surplus descriptor, bytes that are no message) ends the program.
 */
#ifndef CPROFD_SYMBOLIZER_SERVE_H
#define CPROFD_SYMBOLIZER_SERVE_H

#include <stddef.h>
#include <stdint.h>

struct buf;
struct server;

#define SERVE_MAX_REQUEST (128u << 10) /* bytes of a message */
#define SERVE_MAX_OBJECTS 4096
#define SERVE_SPARE_FDS   16           /* beside one an object: the channel, the one that comes */
#define SERVE_MAX_INDEX   (192u << 20) /* bytes, of all objects together */

/* Objects are refused (TOO_LARGE) above `max_objects`, which is SERVE_MAX_OBJECTS at most. */
struct server *server_new(uint32_t max_objects);
void server_free(struct server *s); /* accepts NULL */

/*
 * Handle one message of `len` bytes, and the descriptor that came with it (-1:
 * none), which is taken. The answer, if there is one, is appended to `out` as a frame.
 *
 * Returns 1 to go on; 0 when the two sides' versions differ (the answer says ours); -EPROTO
 * after a breach; -ENOMEM.
 */
int server_request(struct server *s, const uint8_t *bytes, size_t len, int fd, struct buf *out);

/*
 * Serve requests from `sock` until its other side closes, with at most `fds`
 * descriptors open: an object holds its file. Returns 0, or a negative errno.
 */
int serve(int sock, uint32_t fds);

#endif
