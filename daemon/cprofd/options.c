// SPDX-License-Identifier: Apache-2.0
#include "cprofd/options.h"

#include <errno.h>
#include <getopt.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/diag.h"
#include "sampler/sampler.h"
#include "store/store.h"

#define RING_MIN  (4u << 10)
#define RING_MAX  (256u << 20)
#define STORE_MIN (1u << 20)
#define STORE_MAX ((size_t)64 << 30)

const char options_usage[] =
	"Usage: cprofd --socket PATH [--hz N] [--ring-size BYTES] [--store-size BYTES]\n"
	"\n"
	"Samples every process of this host and answers cprofctl on a socket. Runs in the\n"
	"foreground, as root, until SIGTERM or SIGINT; sheds what it does not need.\n"
	"\n"
	"  --socket PATH       listen here (cprofctl --socket PATH)\n"
	"  --hz N              samples per second and CPU, 19 to 9999 (99)\n"
	"  --ring-size BYTES   of the buffer between kernel and daemon; K and M may follow\n"
	"                      (two seconds of the worst case, at most 4M)\n"
	"  --store-size BYTES  memory for samples; the oldest go first (24M)\n"
	"  --help, --version\n";

enum {
	OPT_SOCKET = 1,
	OPT_PRIVATE,
	OPT_HZ,
	OPT_RING,
	OPT_STORE,
	OPT_HELP,
	OPT_VERSION
};

static const struct option long_options[] = {
	{"socket", required_argument, NULL, OPT_SOCKET},
	{"private", no_argument, NULL, OPT_PRIVATE}, /* for cprofctl */
	{"hz", required_argument, NULL, OPT_HZ},
	{"ring-size", required_argument, NULL, OPT_RING},
	{"store-size", required_argument, NULL, OPT_STORE},
	{"help", no_argument, NULL, OPT_HELP},
	{"version", no_argument, NULL, OPT_VERSION},
	{0},
};

/* A number of bytes with K, M or G; -EINVAL or -ERANGE. */
static int parse_size(const char *text, size_t least, size_t most, size_t *ret)
{
	unsigned long long n;
	unsigned shift = 0;
	char *end;

	if (*text < '0' || *text > '9')
		return -EINVAL;
	errno = 0;
	n = strtoull(text, &end, 10);
	if (errno)
		return -ERANGE;
	if (*end == 'K' || *end == 'M' || *end == 'G')
		shift = *end == 'K' ? 10 : *end == 'M' ? 20 : 30, end++;
	if (*end)
		return -EINVAL;
	if (n > most >> shift || n << shift < least)
		return -ERANGE;
	*ret = (size_t)(n << shift);
	return 0;
}

static int parse_value(int option, const char *text, struct diag *diag, struct options *o)
{
	size_t n;

	switch (option) {
	case OPT_HZ:
		if (parse_size(text, SAMPLER_HZ_MIN, SAMPLER_HZ_MAX, &n))
			return diag_set(diag, -EINVAL,
				"--hz takes a number from %d to %d, not '%s'", SAMPLER_HZ_MIN,
				SAMPLER_HZ_MAX, text);
		o->hz = (unsigned)n;
		return 0;
	case OPT_RING:
		if (parse_size(text, RING_MIN, RING_MAX, &o->ring_bytes))
			return diag_set(
				diag, -EINVAL, "--ring-size takes 4K to 256M, not '%s'", text);
		return 0;
	case OPT_STORE:
		if (parse_size(text, STORE_MIN, STORE_MAX, &o->store_bytes))
			return diag_set(
				diag, -EINVAL, "--store-size takes 1M to 64G, not '%s'", text);
		return 0;
	default:
		return diag_set(diag, -EINVAL, "unknown option; see cprofd --help");
	}
}

int options_parse(int argc, char **argv, struct diag *diag, struct options *ret)
{
	struct options o = {.hz = SAMPLER_HZ_DEFAULT, .store_bytes = STORE_BUDGET_DEFAULT};
	int option, err;

	opterr = 0;
	optind = 1;
	while ((option = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
		if (option == OPT_SOCKET)
			o.socket = optarg;
		else if (option == OPT_PRIVATE)
			o.private = true;
		else if (option == OPT_HELP)
			o.help = true;
		else if (option == OPT_VERSION)
			o.version = true;
		else if ((err = parse_value(option, optarg, diag, &o)))
			return err;
	}
	if (optind < argc)
		return diag_set(
			diag, -EINVAL, "unexpected argument '%s'; see cprofd --help", argv[optind]);
	/* an empty path would be an address that is no file and knows no modes */
	if (!o.help && !o.version && (!o.private == !o.socket || (o.socket && !*o.socket)))
		return diag_set(diag, -EINVAL, "--socket PATH is needed; see cprofd --help");
	*ret = o;
	return 0;
}
