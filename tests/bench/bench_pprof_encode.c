// SPDX-License-Identifier: Apache-2.0
/* How long does a busy host's profile take to build and to encode? As JSON with -j. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "pprof/build.h"

#define N_SAMPLES   10000
#define N_FRAMES    40
#define N_LOCATIONS 5000
#define N_FUNCTIONS 3000
#define N_MAPPINGS  200
#define N_CALLEES   3 /* of each function: stacks share their callers, as real ones do */
#define OUTPUT_MAX  ((size_t)64 << 20)

static uint32_t functions[N_FUNCTIONS], mappings[N_MAPPINGS], locations[N_LOCATIONS];

static void add_code(struct pprof_builder *b)
{
	for (unsigned i = 0; i < N_FUNCTIONS; i++) {
		char name[128], mangled[128], file[64];

		snprintf(name, sizeof(name), "ns::klass_%u::method_%u(std::string const&)", i % 97,
			i);
		snprintf(mangled, sizeof(mangled), "_ZN2ns8klass_%u10method_%uERKSs", i % 97, i);
		snprintf(file, sizeof(file), "/usr/src/project/dir_%u/file_%u.cc", i % 13, i % 301);
		functions[i] = pprof_function(b, name, mangled, file, i % 1000);
	}
	for (unsigned i = 0; i < N_MAPPINGS; i++) {
		struct pprof_mapping m = {.start = 0x7f0000000000 + 0x400000ull * i,
			.limit = 0x7f0000200000 + 0x400000ull * i,
			.filename =
				i ? "/usr/lib/x86_64-linux-gnu/libsomething.so.1" : "/usr/bin/main",
			.build_id = {.len = 20, .bytes = {(uint8_t)i}},
			.has_functions = true,
			.is_main = !i};

		mappings[i] = pprof_mapping(b, &m);
	}
	for (unsigned i = 0; i < N_LOCATIONS; i++) {
		struct pprof_line line = {.function = functions[i % N_FUNCTIONS], .line = i % 900};

		locations[i] = pprof_location(b, mappings[i % N_MAPPINGS],
			0x7f0000000000 + 0x400000ull * (i % N_MAPPINGS) + 97ull * i, &line, 1);
	}
}

static void add_samples(struct pprof_builder *b)
{
	for (unsigned i = 0; i < N_SAMPLES; i++) {
		uint32_t stack[N_FRAMES];
		unsigned at = (unsigned)random() % 50;
		int64_t values[2] = {1, 10101010};

		for (unsigned depth = N_FRAMES; depth--;) {
			stack[depth] = locations[at];
			at = (at * 7 + 11 + (unsigned)random() % N_CALLEES) % N_LOCATIONS;
		}
		if (pprof_sample(b, stack, N_FRAMES, NULL, 0, values, 2))
			abort();
	}
}

static double ms_since(uint64_t start)
{
	return (double)(clock_monotonic_ns() - start) / (double)NS_PER_MS;
}

static void report(double build_ms, double encode_ms, size_t bytes, size_t builder_bytes, bool json)
{
	if (json)
		printf("{\"bench\":\"encode\",\"samples\":%d,\"frames\":%d,\"build_ms\":%.2f,"
		       "\"encode_ms\":%.2f,\"bytes\":%zu,\"builder_bytes\":%zu}\n",
			N_SAMPLES, N_FRAMES, build_ms, encode_ms, bytes, builder_bytes);
	else
		printf("%d samples x %d frames, %d locations: build %.1f ms, encode %.1f ms, "
		       "%zu bytes, builder %zu bytes\n",
			N_SAMPLES, N_FRAMES, N_LOCATIONS, build_ms, encode_ms, bytes,
			builder_bytes);
}

int main(int argc, char **argv)
{
	const struct pprof_header header = {
		.sample_types = {{"samples", "count"}, {"cpu", "nanoseconds"}},
		.period_type = {"cpu", "nanoseconds"},
		.period = 10101010,
		.time_ns = 1,
		.duration_ns = 1};

	for (int round = 0; round < 5; round++) {
		struct buf out = buf_with_ceiling(OUTPUT_MAX);
		struct pprof_builder *b;
		uint64_t start = clock_monotonic_ns();
		double built;

		srandom(1);
		if (pprof_builder_new(NULL, &b))
			abort();
		add_code(b);
		add_samples(b);
		built = ms_since(start);
		start = clock_monotonic_ns();
		if (pprof_finish(b, &header, &out))
			abort();
		report(built, ms_since(start), out.len, pprof_builder_bytes(b),
			argc == 2 && !strcmp(argv[1], "-j"));
		buf_fini(&out);
		pprof_builder_free(b);
	}
	return 0;
}
