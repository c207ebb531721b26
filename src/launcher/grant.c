/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>

#include "basic/cleanup.h"
#include "launcher/grant.h"

#define UID_NOBODY          65534
#define UID_CONTAINERS_BASE 2147483647u /* where rootful user namespaces begin, up to the end */

typedef struct LimitRow {
        const char *name; /* as a client knows it */
        size_t offset;
        uint64_t unit; /* what a client's number is multiplied by */
        uint64_t min;
} LimitRow;

static const LimitRow limit_rows[] = {
        { "limits.memory_bytes", offsetof(LauncherLimits, memory_bytes),  1,             MEMORY_MIN       },
        { "limits.tasks",        offsetof(LauncherLimits, tasks),         1,             TASKS_MIN        },
        { "limits.cpu_percent",  offsetof(LauncherLimits, cpu_percent),   1,             CPU_PERCENT_MIN  },
        { "limits.work_bytes",   offsetof(LauncherLimits, work_bytes),    1,             WORK_SIZE_MIN    },
        { "limits.output_bytes", offsetof(LauncherLimits, output_bytes),  1,             0                },
        { "timeout_ms",          offsetof(LauncherLimits, timeout_usec),  USEC_PER_MSEC, TIMEOUT_MIN_USEC },
        { "lifetime_ms",         offsetof(LauncherLimits, lifetime_usec), USEC_PER_MSEC, TIMEOUT_MIN_USEC },
};

bool grant_uid(uint32_t uid) {
        return uid != UID_NOBODY && uid < UID_CONTAINERS_BASE;
}

static uint64_t value(const LauncherLimits *l, const LimitRow *row) {
        return *(const uint64_t *)(const void *)((const char *)l + row->offset);
}

int grant_limits(const LauncherLimits *ceiling, const LauncherLimits *wanted, LauncherLimits *ret,
                 char *reterr_detail, size_t detail_size) {
        LauncherLimits granted = *ceiling;

        for (size_t i = 0; i < ARRAY_SIZE(limit_rows); i++) {
                const LimitRow *row = &limit_rows[i];
                uint64_t w = value(wanted, row), c = value(ceiling, row);

                if (w == LIMIT_UNSET)
                        continue;
                if (w > c || w < row->min) {
                        (void)snprintf(reterr_detail, detail_size,
                                       "%s is %" PRIu64 ", but this profile allows %" PRIu64
                                       " to %" PRIu64,
                                       row->name, w / row->unit, row->min / row->unit,
                                       c / row->unit);
                        return -ERANGE;
                }
                *(uint64_t *)(void *)((char *)&granted + row->offset) = w;
        }
        *ret = granted;
        return 0;
}
