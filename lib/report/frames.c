// SPDX-License-Identifier: Apache-2.0
#include "report/frames.h"

#include <string.h>

const char *frame_object(const struct pprof_view_location *l)
{
	const char *path = l->mapping ? l->mapping->filename : "";
	const char *slash;

	/* a kernel or a special mapping may have a slash in its brackets */
	if (path[0] == '[')
		return path;
	slash = strrchr(path, '/');
	return slash ? slash + 1 : path;
}

void frame_name(const struct pprof_view_location *l, size_t i, struct buf *out)
{
	const char *object = frame_object(l);

	if (i < l->n_lines && l->lines[i].function->name[0])
		buf_append_str(out, l->lines[i].function->name);
	else if (object[0] == '[')
		buf_append_str(out, object);
	else
		buf_printf(out, "[%s]", object[0] ? object : "unknown");
}
