// SPDX-License-Identifier: Apache-2.0
/* A whole ELF file: indexed, then asked for addresses in and around all of it. */
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "symbolizer/module.h"

#define ADDRESSES 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void resolve_some(const struct module *m, size_t size)
{
	for (uint64_t i = 0; i < ADDRESSES; i++) {
		struct source_answer answer;
		bool trampoline = false;
		uint64_t address = i * (size + ADDRESSES) / ADDRESSES;

		if (module_resolve(m, address, i & 1, &answer, &trampoline))
			continue;
		for (size_t at = 0; at < answer.name_len; at++)
			if (!answer.name[at])
				abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct build_id any = {0};
	int fd = memfd_create("elf", MFD_CLOEXEC);
	struct module *m;

	if (fd < 0 || write(fd, data, size) != (ssize_t)size)
		abort();
	m = module_new_elf(fd, &any, 1 << 20);
	if (!m)
		return 0;
	resolve_some(m, size);
	module_free(m);
	return 0;
}
