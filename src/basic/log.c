/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* One write() a line, so that lines of several processes on one stream do not mix. Debug lines are
 * written only when the environment has CLOCHE_LOG_LEVEL=debug, which a drop-in can set. */

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "basic/log.h"

static bool is_debug(void) {
        const char *e = getenv("CLOCHE_LOG_LEVEL");

        return e && strcmp(e, "debug") == 0;
}

int log_full(int level, int error, const char *format, ...) {
        char line[2048];
        va_list ap;
        int n, m;

        error = error < 0 ? -error : error;
        if (level == LOG_DEBUG && !is_debug())
                return -error;

        n = snprintf(line, sizeof(line), "<%d>", level);
        va_start(ap, format);
        m = vsnprintf(line + n, sizeof(line) - (size_t)n, format, ap);
        va_end(ap);
        if (m < 0)
                return -error;
        n += m;
        if (error > 0 && (size_t)n < sizeof(line)) {
                m = snprintf(line + n, sizeof(line) - (size_t)n, ": %s", strerror(error));
                n += m < 0 ? 0 : m;
        }
        if ((size_t)n > sizeof(line) - 2)
                n = (int)sizeof(line) - 2;
        for (int i = 0; i < n; i++)
                if ((unsigned char)line[i] < 0x20)
                        line[i] = ' '; /* one failure is one line */
        line[n] = '\n';
        if (write(STDERR_FILENO, line, (size_t)n + 1) < 0)
                return -error; /* nobody to tell */
        return -error;
}

const char *log_escape(char *buffer, size_t size, const char *text) {
        size_t o = 0;

        for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
                if (*p >= 0x20 && *p < 0x7f && *p != '\\') {
                        if (o + 1 >= size)
                                break;
                        buffer[o++] = (char)*p;
                } else {
                        if (o + 4 >= size)
                                break;
                        o += (size_t)snprintf(buffer + o, size - o, "\\x%02x", *p);
                }
        }
        if (size > 0)
                buffer[o] = 0;
        return buffer;
}
