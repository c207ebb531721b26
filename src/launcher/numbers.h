/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What code reads about processors and memory: what its sandbox may use, and not what the machine
 * has. The text of the files that stand over the kernel's own in a sandbox; numbers-file.h stores
 * them. Each writer returns 0 or -ENOMEM, and leaves errors of the stream to its owner. */

#include <stdint.h>
#include <stdio.h>

#include "wire/launcher-message.h"

typedef struct Numbers {
        unsigned cpus;         /* 1 or more */
        uint64_t memory_bytes; /* what a sandbox may use in total */
} Numbers;

/* limits rounded up to whole processors, and neither more than the machine has (both 1 or more). */
Numbers numbers_of(const LauncherLimits *limits, unsigned machine_cpus, uint64_t machine_bytes);

/* As proc_meminfo(5), when the sandbox has not used anything yet. */
int numbers_write_meminfo(const Numbers *n, FILE *to);

/* As proc_stat(5): so many processors that have done nothing; boot_sec is the machine's, in seconds
 * since 1970, because ps and psutil count the start of processes from there. */
int numbers_write_stat(const Numbers *n, uint64_t boot_sec, FILE *to);

/* The first processors of the machine's /proc/cpuinfo. */
int numbers_write_cpuinfo(const Numbers *n, FILE *machine, FILE *to);

/* As /sys/devices/system/cpu/online: "0-3". */
int numbers_write_online(const Numbers *n, FILE *to);
