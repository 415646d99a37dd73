// SPDX-License-Identifier: Apache-2.0
/*
 * cprofd-symbolizer: names for addresses, in a process that is trusted with nothing.
 * Started by cprofd alone, with a socket as descriptor 3 and nothing else.
 */
#include <malloc.h>
#include <unistd.h>

#include "symbolizer/sandbox.h"
#include "symbolizer/serve.h"

#define CHANNEL         3
#define EXIT_PRIVILEGED 70 /* no sandbox, no service */

int main(void)
{
	uint32_t fds;

	/* left to itself, malloc stops returning big blocks once it has seen one freed */
	(void)mallopt(M_MMAP_THRESHOLD, 128 << 10);
	if (sandbox_enter(CHANNEL, SERVE_MAX_OBJECTS + SERVE_SPARE_FDS, &fds) < 0)
		_exit(EXIT_PRIVILEGED);
	_exit(serve(CHANNEL, fds) < 0);
}
