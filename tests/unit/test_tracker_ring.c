// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tracker/queue.h"
#include "tracker/sideband.h"
#include "unit/records.h"

#define RING 256

static uint8_t ring[RING];
static uint8_t got[4096];
static size_t n_got;

static void keep(void *ctx, const void *record, size_t len)
{
	(void)ctx;
	memcpy(got + n_got, record, len);
	n_got += len;
}

/* As the kernel writes: byte by byte around the end. */
static uint64_t write_at(uint64_t head, const struct record_bytes *r)
{
	for (uint16_t i = 0; i < r->len; i++)
		ring[(head + i) % RING] = r->at[i];
	return head + r->len;
}

static void records_come_out_whole_wherever_the_ring_wraps(void **state)
{
	struct record_bytes a = record_comm(100, 7, 7, "one", 0), b = record_exit(200, 7, 7);

	(void)state;
	for (uint64_t tail = 0; tail < 2 * RING; tail += 8) {
		uint64_t head = write_at(write_at(tail, &a), &b);

		n_got = 0;
		assert_int_equal(ring_read(ring, RING, head, tail, keep, NULL), 0);
		assert_int_equal(n_got, a.len + b.len);
		assert_memory_equal(got, a.at, a.len);
		assert_memory_equal(got + a.len, b.at, b.len);
	}
}

static void a_ring_that_makes_no_sense_is_left_at_once(void **state)
{
	struct record_bytes a = record_comm(100, 7, 7, "one", 0);
	uint64_t head = write_at(0, &a);

	(void)state;
	assert_int_equal(ring_read(ring, RING, RING + 8, 0, keep, NULL), 1); /* overrun */
	assert_int_equal(ring_read(ring, RING, head - 8, 0, keep, NULL), 1); /* cut */
	ring[6] = 0; /* size 0: would never end */
	assert_int_equal(ring_read(ring, RING, head, 0, keep, NULL), 1);
}

static uint32_t next(struct queue *q, uint64_t until)
{
	uint32_t len, value = 0;
	uint64_t time;
	const void *bytes = queue_take(q, until, &time, &len);

	if (bytes)
		memcpy(&value, bytes, sizeof(value));
	return value;
}

static void equal_times_keep_their_order_and_the_future_waits(void **state)
{
	static const struct {
		uint64_t time;
		uint32_t value;
	} in[] = {{30, 4}, {40, 6}, {50, 7}, {10, 1}, {30, 5}, {20, 2}, {20, 3}};
	struct queue q = {.ceiling = 65536};

	(void)state;
	for (size_t i = 0; i < sizeof(in) / sizeof(*in); i++)
		assert_int_equal(queue_push(&q, in[i].time, &in[i].value, 4), 0);
	for (uint32_t want = 1; want <= 5; want++)
		assert_int_equal(next(&q, 30), want);
	assert_int_equal(next(&q, 30), 0);
	assert_int_equal(next(&q, 50), 6);
	assert_int_equal(next(&q, 50), 7);
	assert_int_equal(next(&q, UINT64_MAX), 0);
	queue_fini(&q);
}

static void what_was_taken_makes_room_for_what_comes(void **state)
{
	struct queue q = {.ceiling = 65536};
	uint32_t taken = 0;

	(void)state;
	for (uint32_t i = 1; i <= 200000; i++) {
		assert_int_equal(queue_push(&q, i, &i, 4), 0);
		if (i > 100)
			assert_int_equal(next(&q, i), ++taken);
	}
	assert_true(queue_bytes(&q) <= 65536);
	queue_fini(&q);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(records_come_out_whole_wherever_the_ring_wraps),
		cmocka_unit_test(a_ring_that_makes_no_sense_is_left_at_once),
		cmocka_unit_test(equal_times_keep_their_order_and_the_future_waits),
		cmocka_unit_test(what_was_taken_makes_room_for_what_comes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
