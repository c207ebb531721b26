/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* How an execution ended, in one of seven words, from what was seen of its end. All pure. */

#include <json-c/json.h>
#include <stdbool.h>
#include <stdint.h>

#include "wire/guest-frame.h"
#include "wire/launcher-message.h"

/* What made the execution end, of several the first. */
typedef enum EndCause {
        END_INVALID,
        END_EXITED, /* the guest said so */
        END_TIMEOUT,
        END_OUTPUT_LIMIT,
        END_CANCELLED,
        END_LIFETIME,       /* its sandbox's time is up */
        END_GUEST_LOST,     /* the channel ended, or the launcher said DIED */
        END_GUEST_PROTOCOL, /* the guest sent what it may not */
        END_LAUNCHER_LOST,
        END_CLOSED, /* its sandbox, by its client */
        END_CLIENT_GONE,
        END_STOPPED, /* the handler itself was ended */
} EndCause;

/* What became of an interpreter's state. */
typedef enum CodeState {
        CODE_STATE_NONE, /* it was no code, or its interpreter keeps none */
        CODE_STATE_KEPT,
        CODE_STATE_LOST,
} CodeState;

typedef struct RunEnd {
        EndCause cause;
        GuestExited exited;  /* with END_EXITED */
        bool output_cut;     /* at the output limit, before or after the end */
        LauncherDeath death; /* INVALID: it was alive when it was closed */
        bool usage_known;
        LauncherUsage usage;
        uint64_t left; /* tasks that it left running */
        CodeState code_state;
        uint64_t wall_usec; /* START to the end; 0 when it never started */
        uint64_t stdout_bytes;
        uint64_t stderr_bytes;
} RunEnd;

typedef enum ResultStatus {
        RESULT_EXITED,
        RESULT_SIGNALED,
        RESULT_TIMEOUT,
        RESULT_OOM,
        RESULT_OUTPUT_LIMIT,
        RESULT_CANCELLED,
        RESULT_SANDBOX_DIED,
} ResultStatus;

typedef enum ResultLimit {
        RESULT_LIMIT_MEMORY = 1 << 0,
        RESULT_LIMIT_TASKS = 1 << 1,
        RESULT_LIMIT_WORK = 1 << 2,
        RESULT_LIMIT_OUTPUT = 1 << 3,
        RESULT_LIMIT_TIME = 1 << 4,
} ResultLimit;

typedef struct Result {
        ResultStatus status;
        int exit_code;       /* with EXITED, else -1 */
        int signo;           /* with SIGNALED, else 0 */
        const char *reason;  /* NULL where status says it all */
        unsigned limits_hit; /* ResultLimit, or-ed */
} Result;

void result_decide(const RunEnd *end, Result *ret);

const char *result_status_name(ResultStatus status);
/* "SIGSEGV"; buffer is for signals without a name. */
#define RESULT_SIGNAL_SIZE 16
const char *result_signal_name(int signo, char buffer[static RESULT_SIGNAL_SIZE]);
/* The i-th name of limits_hit, NULL behind the last. */
const char *result_limit_name(unsigned limits_hit, unsigned i);

/* Which execution it was; "" where there was no sandbox. */
typedef struct ResultSubject {
        const char *sandbox;
        const char *profile;
        const char *digest;
        uint32_t exec; /* its id inside, 0 when it never had one */
} ResultSubject;

/* What it all used, as a client gets it. Returns 0 or -ENOMEM. */
int result_format_usage(const LauncherUsage *usage, json_object **ret);

/* As a client gets it. Returns 0 or -ENOMEM. */
int result_format(const Result *result, const RunEnd *end, const ResultSubject *subject,
                  json_object **ret);
