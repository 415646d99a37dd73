// SPDX-License-Identifier: Apache-2.0
#include "profile/names.h"

#include <stdio.h>
#include <string.h>

#include "tracker/object.h"

const char *mapping_filename(const struct object *o)
{
	return o->path && o->path[0] ? o->path : "//anon";
}

const char *nameless_function(const char *filename, char *out, size_t room)
{
	const char *slash = strrchr(filename, '/');
	const char *base = slash && slash[1] ? slash + 1 : filename;

	/* names such as [vdso] have their brackets already */
	(void)snprintf(out, room, base[0] == '[' ? "%s" : "[%s]", base);
	return out;
}
