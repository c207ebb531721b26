/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "launcher/grant.h"

static const LauncherLimits ceiling = {
        .memory_bytes = 512 * MIB,
        .tasks = 100,
        .cpu_percent = 150,
        .work_bytes = 64 * MIB,
        .timeout_usec = 60 * USEC_PER_SEC,
        .lifetime_usec = 600 * USEC_PER_SEC,
        .output_bytes = MIB,
};

static const LauncherLimits unset = {
        .memory_bytes = LIMIT_UNSET,
        .tasks = LIMIT_UNSET,
        .cpu_percent = LIMIT_UNSET,
        .work_bytes = LIMIT_UNSET,
        .timeout_usec = LIMIT_UNSET,
        .lifetime_usec = LIMIT_UNSET,
        .output_bytes = LIMIT_UNSET,
};

static void gives_the_ceiling_where_nothing_is_asked(void **state) {
        LauncherLimits got;
        char detail[DETAIL_SIZE];

        (void)state;
        assert_int_equal(grant_limits(&ceiling, &unset, &got, detail, sizeof(detail)), 0);
        assert_memory_equal(&got, &ceiling, sizeof(got));
}

static void gives_a_narrower_limit(void **state) {
        LauncherLimits wanted = unset, got;
        char detail[DETAIL_SIZE];

        (void)state;
        wanted.tasks = 7;
        wanted.timeout_usec = USEC_PER_SEC;
        wanted.lifetime_usec = 9 * USEC_PER_SEC;
        assert_int_equal(grant_limits(&ceiling, &wanted, &got, detail, sizeof(detail)), 0);
        assert_int_equal(got.tasks, 7);
        assert_int_equal(got.timeout_usec, USEC_PER_SEC);
        assert_int_equal(got.lifetime_usec, 9 * USEC_PER_SEC);
        assert_int_equal(got.memory_bytes, ceiling.memory_bytes);
}

static void refuses_by_name_what_is_out_of_range(void **state) {
        static const struct {
                size_t offset;
                uint64_t value;
                const char *name;
        } cases[] = {
                { offsetof(LauncherLimits, memory_bytes),  512 * MIB + 1,      "limits.memory_bytes" },
                { offsetof(LauncherLimits, memory_bytes),  MEMORY_MIN - 1,     "limits.memory_bytes" },
                { offsetof(LauncherLimits, memory_bytes),  0,                  "limits.memory_bytes" },
                { offsetof(LauncherLimits, tasks),         101,                "limits.tasks"        },
                { offsetof(LauncherLimits, tasks),         0,                  "limits.tasks"        },
                { offsetof(LauncherLimits, cpu_percent),   0,                  "limits.cpu_percent"  },
                { offsetof(LauncherLimits, cpu_percent),   151,                "limits.cpu_percent"  },
                { offsetof(LauncherLimits, work_bytes),    64 * MIB + 1,       "limits.work_bytes"   },
                { offsetof(LauncherLimits, output_bytes),  MIB + 1,            "limits.output_bytes" },
                { offsetof(LauncherLimits, timeout_usec),  0,                  "timeout_ms is 0"     },
                { offsetof(LauncherLimits, timeout_usec),  61 * USEC_PER_SEC,
                 "timeout_ms is 61000"                                                               },
                { offsetof(LauncherLimits, timeout_usec),  UINT64_MAX - 1,     "timeout_ms"          },
                { offsetof(LauncherLimits, lifetime_usec), 0,                  "lifetime_ms is 0"    },
                { offsetof(LauncherLimits, lifetime_usec), 601 * USEC_PER_SEC,
                 "lifetime_ms is 601000"                                                             },
        };

        (void)state;
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                LauncherLimits wanted = unset, got = ceiling;
                char detail[DETAIL_SIZE] = "";

                memcpy((char *)&wanted + cases[i].offset, &cases[i].value, sizeof(uint64_t));
                assert_int_equal(grant_limits(&ceiling, &wanted, &got, detail, sizeof(detail)),
                                 -ERANGE);
                assert_non_null(strstr(detail, cases[i].name));
                assert_memory_equal(&got, &ceiling, sizeof(got));
        }
}

static void refuses_uids_that_are_nobody_s(void **state) {
        (void)state;
        assert_true(grant_uid(0));
        assert_true(grant_uid(1000));
        assert_false(grant_uid(65534));
        assert_false(grant_uid(2147483647u));
        assert_false(grant_uid(UINT32_MAX));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(gives_the_ceiling_where_nothing_is_asked),
                cmocka_unit_test(gives_a_narrower_limit),
                cmocka_unit_test(refuses_by_name_what_is_out_of_range),
                cmocka_unit_test(refuses_uids_that_are_nobody_s),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
