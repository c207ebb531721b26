/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "basic/cleanup.h"
#include "basic/limits.h"
#include "client/amount.h"

typedef int (*parser_t)(const char *text, uint64_t *ret);

typedef struct Case {
        parser_t parse;
        const char *text;
        uint64_t value;
} Case;

static void parses_what_people_write(void **state) {
        static const Case cases[] = {
                { amount_parse_size,     "0",                   0                               },
                { amount_parse_size,     "100",                 100                             },
                { amount_parse_size,     "512M",                512 * MIB                       },
                { amount_parse_size,     "512m",                512 * MIB                       },
                { amount_parse_size,     "512MiB",              512 * MIB                       },
                { amount_parse_size,     "1.5G",                GIB + 512 * MIB                 },
                { amount_parse_size,     "0.000001M",           1                               },
                { amount_parse_size,     "1T",                  1024 * GIB                      },
                { amount_parse_size,     "64K",                 64 * KIB                        },
                { amount_parse_size,     "7B",                  7                               },
                { amount_parse_size,     "16777215T",           UINT64_C(16777215) * 1024 * GIB },
                { amount_parse_duration, "2",                   2000000                         },
                { amount_parse_duration, "0.25",                250000                          },
                { amount_parse_duration, "500ms",               500000                          },
                { amount_parse_duration, "1.5s",                1500000                         },
                { amount_parse_duration, "2m",                  120000000                       },
                { amount_parse_duration, "5min",                300000000                       },
                { amount_parse_duration, "1h",                  3600000000                      },
                { amount_parse_cpus,     "2",                   200                             },
                { amount_parse_cpus,     "0.5",                 50                              },
                { amount_parse_cpus,     "0.019",               1                               },
                { amount_parse_count,    "128",                 128                             },
                { amount_parse_count,    "9999999999999999999", UINT64_C(9999999999999999999)   },
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                uint64_t value = 1;

                if (cases[i].parse(cases[i].text, &value) != 0 || value != cases[i].value)
                        fail_msg("%s: not parsed as it should be", cases[i].text);
        }
}

static void refuses_everything_else(void **state) {
        static const struct {
                parser_t parse;
                const char *text;
                int error;
        } cases[] = {
                { amount_parse_size,     "",                     -EINVAL },
                { amount_parse_size,     "M",                    -EINVAL },
                { amount_parse_size,     "-1",                   -EINVAL },
                { amount_parse_size,     "+1",                   -EINVAL },
                { amount_parse_size,     " 1",                   -EINVAL },
                { amount_parse_size,     "1 M",                  -EINVAL },
                { amount_parse_size,     "1M ",                  -EINVAL },
                { amount_parse_size,     "1.M",                  -EINVAL },
                { amount_parse_size,     ".5M",                  -EINVAL },
                { amount_parse_size,     "1.0000001M",           -EINVAL },
                { amount_parse_size,     "1MM",                  -EINVAL },
                { amount_parse_size,     "0x10",                 -EINVAL },
                { amount_parse_size,     "1e3",                  -EINVAL },
                { amount_parse_size,     "1s",                   -EINVAL },
                { amount_parse_size,     "16777216T",            -ERANGE },
                { amount_parse_size,     "99999999999999999999", -ERANGE },
                { amount_parse_duration, "1K",                   -EINVAL },
                { amount_parse_duration, "infinity",             -EINVAL },
                { amount_parse_duration, "9999999999999999999h", -ERANGE },
                { amount_parse_cpus,     "50%",                  -EINVAL },
                { amount_parse_count,    "1.5",                  -EINVAL },
                { amount_parse_count,    "1K",                   -EINVAL },
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                uint64_t value = 7;

                if (cases[i].parse(cases[i].text, &value) != cases[i].error || value != 7)
                        fail_msg("\"%s\": not refused as it should be", cases[i].text);
        }
}

static void formats_what_people_read(void **state) {
        char buffer[AMOUNT_SIZE];

        (void)state;
        assert_string_equal(amount_format_size(buffer, 0), "0 B");
        assert_string_equal(amount_format_size(buffer, 1023), "1023 B");
        assert_string_equal(amount_format_size(buffer, 1536), "1.5 KiB");
        assert_string_equal(amount_format_size(buffer, 64 * MIB), "64 MiB");
        assert_string_equal(amount_format_size(buffer, 3 * GIB / 2), "1.5 GiB");
        assert_string_equal(amount_format_size(buffer, UINT64_MAX), "17179869183.9 GiB");
        assert_string_equal(amount_format_duration(buffer, 0), "0 ms");
        assert_string_equal(amount_format_duration(buffer, 350 * USEC_PER_MSEC), "350 ms");
        assert_string_equal(amount_format_duration(buffer, 2 * USEC_PER_SEC + 31), "2 s");
        assert_string_equal(amount_format_duration(buffer, 61 * USEC_PER_SEC), "61 s");
        assert_string_equal(amount_format_duration(buffer, 300 * USEC_PER_SEC), "5 min");
        assert_string_equal(amount_format_duration(buffer, 7200 * USEC_PER_SEC), "2 h");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(parses_what_people_write),
                cmocka_unit_test(refuses_everything_else),
                cmocka_unit_test(formats_what_people_read),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
