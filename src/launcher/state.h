/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What a launcher must remember when it dies: a memfd in systemd's file descriptor store, mapped
 * shared, beside the connections themselves. Records are plain and of fixed size; used is set last
 * and cleared first, so a record is either whole or unused, wherever a SIGKILL falls. */

#include <stdbool.h>
#include <stdint.h>

#include "audit/audit.h"
#include "wire/launcher-message.h"

#define STATE_FD_NAME       "state"
#define STATE_SANDBOXES_MAX 512
#define STATE_CGROUP_SIZE   256

typedef struct StateConnection {
        uint32_t used;
        uint32_t uid;
        AuditSequence sequence; /* its connection is the connection's id */
} StateConnection;

typedef struct StateSandbox {
        uint32_t used;
        uint32_t uid;
        uint64_t deadline_usec; /* CLOCK_MONOTONIC: the end of the scope's RuntimeMaxUSec */
        char id[ID_SIZE];
        char connection[ID_SIZE];
        char profile[PROFILE_NAME_SIZE];
        char container_id[65];
        int32_t guest_pid;
        char cgroup[STATE_CGROUP_SIZE];
} StateSandbox;

typedef struct State {
        uint32_t version;
        StateConnection connections[CONNECTIONS_MAX];
        StateSandbox sandboxes[STATE_SANDBOXES_MAX]; /* those that a handler holds */
} State;

/* Maps fd (consumed) if it is a state of this version, else makes a new one and puts it into the
 * store; without a service manager that keeps it, it lives as long as the process. Returns 0 with
 * *ret_resumed saying which, or -errno. */
int state_open(int fd, State **ret, bool *ret_resumed);
State *state_close(State *s);

/* An unused record, zeroed, with used still 0 (the caller fills it and sets it); NULL when full. */
StateConnection *state_new_connection(State *s);
StateSandbox *state_new_sandbox(State *s);
