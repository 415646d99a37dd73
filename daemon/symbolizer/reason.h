// SPDX-License-Identifier: Apache-2.0
/*
 * reason.h - why an object or an address gets no name
 *
 * The reasons of proto/symbolize.proto are the error type of everything that
 * reads an object here: a function that returns a reason_t returns REASON_NONE
 * when it went well, and leaves its outputs untouched otherwise.
 */
#ifndef CPROFD_SYMBOLIZER_REASON_H
#define CPROFD_SYMBOLIZER_REASON_H

#include "proto/symbolize.pb-c.h"

typedef Cprofd__Symbolize__Reason reason_t;

#define REASON(name) CPROFD__SYMBOLIZE__REASON__##name
#define REASON_NONE  REASON(REASON_NONE)
#define LIMIT(name)  CPROFD__SYMBOLIZE__LIMIT__##name

#endif
