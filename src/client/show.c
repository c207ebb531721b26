/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Colour follows the terminal and NO_COLOR (https://no-color.org). */

#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include "client/show.h"

/* A control character at p: how many bytes it has, 0 for anything else. C1 controls are two bytes
 * of UTF-8, C2 80…9F. */
static size_t control_size(const unsigned char *p) {
        if ((p[0] < 0x20 && p[0] != '\n') || p[0] == 0x7f)
                return 1;
        if (p[0] == 0xc2 && p[1] >= 0x80 && p[1] < 0xa0)
                return 2;
        return 0;
}

void show_text(FILE *f, const char *text) {
        const unsigned char *p = (const unsigned char *)text;

        while (*p) {
                size_t n = control_size(p);

                if (n == 0)
                        (void)fputc(*p++, f);
                else
                        for (; n > 0; n--)
                                (void)fprintf(f, "\\x%02x", *p++);
        }
}

char *show_name(const char *name) {
        char *text = NULL;
        size_t size;
        FILE *f = open_memstream(&text, &size);

        if (!f)
                return NULL;
        for (const char *line = name; line;) {
                const char *end = strchrnul(line, '\n');
                _cleanup_free_ char *part = strndup(line, (size_t)(end - line));

                show_text(f, part ? part : "");
                if (*end)
                        (void)fputs("\\x0a", f);
                line = *end ? end + 1 : NULL;
        }
        return fclose(f) == 0 ? text : NULL;
}

_printf_(3, 0) static void say(const char *before, const char *after, const char *format,
                               va_list ap) {
        _cleanup_free_ char *text = NULL;

        if (vasprintf(&text, format, ap) < 0)
                text = NULL;
        (void)fprintf(stderr, "%scloche:%s ", before, after);
        show_text(stderr, text ? text : "out of memory");
        (void)fputc('\n', stderr);
}

void show_error(const char *format, ...) {
        const char *no_color = getenv("NO_COLOR");
        bool color = isatty(STDERR_FILENO) && !(no_color && no_color[0]);
        va_list ap;

        va_start(ap, format);
        say(color ? "\033[1;31m" : "", color ? "\033[0m" : "", format, ap);
        va_end(ap);
}

void show_notice(const char *format, ...) {
        va_list ap;

        va_start(ap, format);
        say("", "", format, ap);
        va_end(ap);
}

size_t show_width(const char *text) {
        size_t width = 0;

        for (const unsigned char *p = (const unsigned char *)text; *p; p++)
                width += (*p & 0xc0) != 0x80; /* continuation bytes take no column */
        return width;
}

int show_json(json_object *object) {
        int flags = JSON_C_TO_STRING_NOSLASHESCAPE;
        const char *text;

        if (isatty(STDOUT_FILENO))
                flags |= JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED;
        text = json_object_to_json_string_ext(object, flags);
        if (!text)
                return -ENOMEM;
        (void)puts(text);
        return show_done();
}

int show_done(void) {
        return fflush(stdout) == EOF || ferror(stdout) ? -EIO : 0;
}

const char *show_string_of(json_object *object, const char *name) {
        json_object *value;

        if (!json_object_object_get_ex(object, name, &value) ||
            !json_object_is_type(value, json_type_string))
                return "";
        return json_object_get_string(value);
}

uint64_t show_number_of(json_object *object, const char *name) {
        json_object *value;
        int64_t number;

        if (!json_object_object_get_ex(object, name, &value) ||
            !json_object_is_type(value, json_type_int))
                return 0;
        number = json_object_get_int64(value);
        return number > 0 ? (uint64_t)number : 0;
}
