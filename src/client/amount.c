/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Exact integer arithmetic: a limit that a person wrote must not depend on how a double rounds it.
 * A number is digits and a fraction of at most FRACTION_DIGITS_MAX digits, so the fraction times
 * the largest unit stays far below 2^64, and only the whole part can overflow. */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "basic/cleanup.h"
#include "basic/limits.h"
#include "client/amount.h"

#define FRACTION_DIGITS_MAX 6

typedef struct AmountUnit {
        const char *name;
        uint64_t factor;
} AmountUnit;

static const AmountUnit size_units[] = {
        { "",    1          },
        { "B",   1          },
        { "K",   KIB        },
        { "KiB", KIB        },
        { "M",   MIB        },
        { "MiB", MIB        },
        { "G",   GIB        },
        { "GiB", GIB        },
        { "T",   1024 * GIB },
        { "TiB", 1024 * GIB },
};

static const AmountUnit duration_units[] = {
        { "",    USEC_PER_SEC        },
        { "ms",  USEC_PER_MSEC       },
        { "s",   USEC_PER_SEC        },
        { "sec", USEC_PER_SEC        },
        { "m",   60 * USEC_PER_SEC   },
        { "min", 60 * USEC_PER_SEC   },
        { "h",   3600 * USEC_PER_SEC },
};

static const AmountUnit cpu_units[] = {
        { "", 100 },
};

/* Reads digits, at least one and at most max_digits. Returns how many, 0 when there are none or too
 * many of them. */
static size_t scan_digits(const char *text, size_t max_digits, uint64_t *ret) {
        uint64_t value = 0;
        size_t n = strspn(text, "0123456789");

        if (n > max_digits)
                return 0;
        for (size_t i = 0; i < n; i++)
                value = value * 10 + (uint64_t)(text[i] - '0');
        *ret = value;
        return n;
}

static int parse(const char *text, const AmountUnit *units, size_t n_units, uint64_t *ret) {
        uint64_t whole, fraction = 0, scale = 1, factor = 0, value;
        size_t n;

        /* 19 digits always fit; a number longer than that is out of any range here */
        if (strspn(text, "0123456789") > 19)
                return -ERANGE;
        n = scan_digits(text, 19, &whole);
        if (n == 0)
                return -EINVAL;
        text += n;

        if (*text == '.') {
                n = scan_digits(++text, FRACTION_DIGITS_MAX, &fraction);
                if (n == 0)
                        return -EINVAL;
                text += n;
                while (n-- > 0)
                        scale *= 10;
        }

        for (size_t i = 0; i < n_units; i++)
                if (strcasecmp(text, units[i].name) == 0)
                        factor = units[i].factor;
        if (factor == 0)
                return -EINVAL;

        if (__builtin_mul_overflow(whole, factor, &value) ||
            __builtin_add_overflow(value, fraction * factor / scale, &value))
                return -ERANGE;
        *ret = value;
        return 0;
}

int amount_parse_size(const char *text, uint64_t *ret_bytes) {
        return parse(text, size_units, ARRAY_SIZE(size_units), ret_bytes);
}

int amount_parse_duration(const char *text, uint64_t *ret_usec) {
        return parse(text, duration_units, ARRAY_SIZE(duration_units), ret_usec);
}

int amount_parse_cpus(const char *text, uint64_t *ret_percent) {
        return parse(text, cpu_units, ARRAY_SIZE(cpu_units), ret_percent);
}

int amount_parse_count(const char *text, uint64_t *ret) {
        static const AmountUnit none = { "", 1 };

        if (strchr(text, '.'))
                return -EINVAL;
        return parse(text, &none, 1, ret);
}

/* value / factor with one digit after the point, or none when that would be a zero. */
static const char *format(char buffer[static AMOUNT_SIZE], uint64_t value, uint64_t factor,
                          const char *unit) {
        uint64_t whole = value / factor, tenth = value % factor * 10 / factor;

        if (tenth == 0)
                (void)snprintf(buffer, AMOUNT_SIZE, "%" PRIu64 " %s", whole, unit);
        else
                (void)snprintf(buffer, AMOUNT_SIZE, "%" PRIu64 ".%" PRIu64 " %s", whole, tenth,
                               unit);
        return buffer;
}

const char *amount_format_size(char buffer[static AMOUNT_SIZE], uint64_t bytes) {
        if (bytes >= GIB)
                return format(buffer, bytes, GIB, "GiB");
        if (bytes >= MIB)
                return format(buffer, bytes, MIB, "MiB");
        if (bytes >= KIB)
                return format(buffer, bytes, KIB, "KiB");
        return format(buffer, bytes, 1, "B");
}

const char *amount_format_duration(char buffer[static AMOUNT_SIZE], uint64_t usec) {
        if (usec >= 3600 * USEC_PER_SEC && usec % (3600 * USEC_PER_SEC) == 0)
                return format(buffer, usec, 3600 * USEC_PER_SEC, "h");
        if (usec >= 60 * USEC_PER_SEC && usec % (60 * USEC_PER_SEC) == 0)
                return format(buffer, usec, 60 * USEC_PER_SEC, "min");
        if (usec >= USEC_PER_SEC)
                return format(buffer, usec, USEC_PER_SEC, "s");
        return format(buffer, usec, USEC_PER_MSEC, "ms");
}
