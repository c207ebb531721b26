/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The clock of everything that is waited for and measured. */

#include <stdint.h>

/* CLOCK_MONOTONIC, µs. Cannot fail. */
uint64_t clock_now_usec(void);
