// SPDX-License-Identifier: Apache-2.0
/*
 * names.h - put together the answer to one Resolve
 *
 * Addresses of one function share one entry, demangled once.
 */
#ifndef CPROFD_SYMBOLIZER_NAMES_H
#define CPROFD_SYMBOLIZER_NAMES_H

#include "proto/symbolize.pb-c.h"

struct buf;
struct module;

/*
 * Resolve the addresses of `ask`, of which there are at most MAX_ADDRESSES and as
 * many `callers`, in `m`, and append the answer to `out` as a frame. When names of full
 * length would not fit a frame, all of them are cut to 400 bytes.
 *
 * Returns 0, -ENOMEM, or what frame_pack() returns.
 */
int names_answer(const struct module *m, const Cprofd__Symbolize__Resolve *ask, struct buf *out);

#endif
