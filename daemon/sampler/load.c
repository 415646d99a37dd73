// SPDX-License-Identifier: Apache-2.0
#include "sampler/load.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "abi.h"
#include "base/buf.h"
#include "base/diag.h"
#include "base/io.h"
#include "base/scope.h"
#include "bpf/sampler.skel.h"
#include "bpf/whoami.skel.h"
#include "sampler/capture.h"
#include "sampler/explain.h"

static void destroy_sampler(struct sampler_bpf **skel)
{
	sampler_bpf__destroy(*skel);
}

static void destroy_whoami(struct whoami_bpf **skel)
{
	whoami_bpf__destroy(*skel);
}

long load_sysctl(const char *name, long otherwise)
{
	scoped(buf_fini) struct buf text = buf_with_ceiling(64);
	char path[128], *end;
	long value;

	(void)snprintf(path, sizeof(path), "/proc/sys/%s", name);
	if (io_read_file(AT_FDCWD, path, &text))
		return otherwise;
	buf_append(&text, "", 1);
	if (text.failed)
		return otherwise;
	value = strtol((const char *)text.bytes, &end, 10);
	return end == (const char *)text.bytes ? otherwise : value;
}

bool load_has_task_btf(void)
{
	return libbpf_probe_bpf_helper(
		       BPF_PROG_TYPE_PERF_EVENT, BPF_FUNC_get_current_task_btf, NULL) == 1;
}

static uint64_t effective_capabilities(void)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3] = {{0}};

	if (syscall(SYS_capget, &header, sets))
		return 0;
	return sets[0].effective | (uint64_t)sets[1].effective << 32;
}

/* The host's own PID namespace bears this inode on every kernel (INIT_PID_NS_INO, <linux/nsfs.h>).
 */
static bool in_first_namespace(void)
{
	struct stat ns;

	return stat("/proc/self/ns/pid", &ns) == 0 && ns.st_ino == 0xEFFFFFFCu;
}

/*
 * Ask the kernel, in a program, for this process's PID namespace. Outside
 * containers there is no need to: loading it would double the time to start.
 */
static int find_namespace(uint32_t *ret_level, uint64_t *ret_address)
{
	scoped(destroy_whoami) struct whoami_bpf *skel = NULL;
	LIBBPF_OPTS(bpf_test_run_opts, run);
	int err;

	if (in_first_namespace()) {
		*ret_level = 0;
		*ret_address = 0;
		return 0;
	}
	skel = whoami_bpf__open();
	if (!skel)
		return -errno;
	err = whoami_bpf__load(skel);
	if (err)
		return err;
	err = bpf_prog_test_run_opts(bpf_program__fd(skel->progs.whoami), &run);
	if (err)
		return err;
	*ret_level = skel->bss->my_level;
	*ret_address = skel->bss->my_ns_address;
	return 0;
}

static int draw_key(struct sampler_bpf *skel)
{
	uint64_t drawn[3];

	if (getrandom(drawn, sizeof(drawn), 0) != sizeof(drawn))
		return -EIO;
	skel->rodata->stack_seed = drawn[0];
	skel->rodata->stack_first = drawn[1] | 1;
	skel->rodata->stack_second = drawn[2] | 1;
	return 0;
}

static int configure(struct sampler_bpf *skel, const struct load_options *options)
{
	/* lower than ours it would cut stacks without the program noticing */
	long deepest = load_sysctl("kernel/perf_event_max_stack", ABI_MAX_FRAMES);
	uint32_t level;
	uint64_t address;
	int err = find_namespace(&level, &address);

	if (!err)
		err = draw_key(skel);
	if (err)
		return err;
	skel->rodata->ns_level = level;
	skel->rodata->ns_address = address;
	skel->rodata->without_task_btf = options->without_task_btf;
	skel->rodata->max_frames =
		deepest > 0 && deepest < ABI_MAX_FRAMES ? (uint32_t)deepest : ABI_MAX_FRAMES;
	err = bpf_map__set_max_entries(skel->maps.ring, (uint32_t)options->ring_bytes);
	if (!err)
		err = bpf_map__set_max_entries(skel->maps.counters, options->n_cpus);
	if (!err)
		err = bpf_map__set_max_entries(skel->maps.scratches, options->n_scratch);
	return err;
}

/* libbpf raises RLIMIT_MEMLOCK by itself where the kernel still charges maps to it (before 5.11).
 */
static int open_and_load(const struct load_options *options, struct sampler_bpf **ret)
{
	scoped(destroy_sampler) struct sampler_bpf *skel = sampler_bpf__open();
	int err;

	if (!skel)
		return -errno;
	err = configure(skel, options);
	if (!err)
		err = sampler_bpf__load(skel);
	if (!err)
		*ret = take_ptr(skel);
	return err;
}

int load_sampler(const struct load_options *options, struct diag *diag, struct sampler_bpf **ret)
{
	struct load_refusal refusal = {0};
	struct capture capture;

	capture_begin(&capture);
	refusal.err = open_and_load(options, ret);
	capture_end(&capture);
	if (!refusal.err)
		return 0;
	refusal.has_btf = !access("/sys/kernel/btf/vmlinux", R_OK);
	refusal.capabilities = effective_capabilities();
	refusal.said = capture.text;
	return explain_load(&refusal, diag);
}
