// SPDX-License-Identifier: Apache-2.0
#include "opener/request.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "opener/opener.h"

static void a_clock_samples_every_task_of_a_cpu_and_starts_disabled(void **state)
{
	const struct opener_request request = {.kind = REQUEST_CLOCK, .cpu = 1, .hz = 99};
	struct perf_event_attr attr;

	(void)state;
	assert_int_equal(request_attr(&request, &attr), 0);
	assert_int_equal(attr.size, sizeof(attr));
	assert_int_equal(attr.type, PERF_TYPE_SOFTWARE);
	assert_int_equal(attr.config, PERF_COUNT_SW_CPU_CLOCK);
	assert_true(attr.disabled && attr.freq);
	assert_int_equal(attr.sample_freq, 99);
	assert_false(attr.exclude_idle || attr.exclude_kernel || attr.exclude_user);
}

static void a_side_band_stamps_every_record_and_takes_the_features_asked_for(void **state)
{
	const struct opener_request request = {.kind = REQUEST_SIDEBAND,
		.features = OPENER_BUILD_ID | OPENER_KSYMBOL,
		.wakeup_bytes = 4096};
	struct perf_event_attr attr;

	(void)state;
	assert_int_equal(request_attr(&request, &attr), 0);
	assert_int_equal(attr.config, PERF_COUNT_SW_DUMMY);
	assert_true(attr.mmap && attr.mmap2 && attr.comm && attr.comm_exec && attr.task);
	assert_true(attr.disabled && attr.sample_id_all && attr.use_clockid && attr.watermark);
	assert_int_equal(attr.clockid, CLOCK_MONOTONIC);
	assert_int_equal(attr.sample_type, PERF_SAMPLE_TID | PERF_SAMPLE_TIME);
	assert_int_equal(attr.wakeup_watermark, 4096);
	assert_true(attr.build_id && attr.ksymbol);
	assert_false(attr.cgroup);
}

static void anything_else_is_refused_and_the_output_untouched(void **state)
{
	static const struct opener_request bad[] = {
		{.kind = 0, .hz = 99},
		{.kind = 3, .hz = 99},
		{.kind = UINT32_MAX, .hz = 99},
		{.kind = REQUEST_CLOCK, .hz = 0},
		{.kind = REQUEST_CLOCK, .hz = 100001},
		{.kind = REQUEST_CLOCK, .hz = UINT32_MAX},
		{.kind = REQUEST_CLOCK, .hz = 99, .cpu = 8192},
		{.kind = REQUEST_CLOCK, .hz = 99, .cpu = UINT32_MAX},
		{.kind = REQUEST_CLOCK, .hz = 99, .features = 1},
		{.kind = REQUEST_CLOCK, .hz = 99, .wakeup_bytes = 1},
		{.kind = REQUEST_SIDEBAND, .wakeup_bytes = 0},
		{.kind = REQUEST_SIDEBAND, .wakeup_bytes = 1, .features = 8},
		{.kind = REQUEST_SIDEBAND, .wakeup_bytes = 1, .hz = 99},
		{.kind = REQUEST_SIDEBAND, .wakeup_bytes = 1, .cpu = 8192},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct perf_event_attr attr = {.size = 77};

		assert_int_equal(request_attr(&bad[i], &attr), -EINVAL);
		assert_int_equal(attr.size, 77);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_clock_samples_every_task_of_a_cpu_and_starts_disabled),
		cmocka_unit_test(a_side_band_stamps_every_record_and_takes_the_features_asked_for),
		cmocka_unit_test(anything_else_is_refused_and_the_output_untouched),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
