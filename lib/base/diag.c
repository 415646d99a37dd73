// SPDX-License-Identifier: Apache-2.0
#include "base/diag.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#undef diag_set
int diag_set(struct diag *diag, int err, const char *format, ...)
{
	char text[DIAG_MAX];
	va_list args;

	if (!diag)
		return err;
	va_start(args, format);
	(void)vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	strcpy(diag->text, text);
	return err;
}
