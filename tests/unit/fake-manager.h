/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* systemd's manager as far as profiles need it, on the other end of a private bus connection in a test's
 * own event loop. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <systemd/sd-bus.h>

#define FAKE_DEFAULT_TASKS_MAX 4915

typedef struct FakeUnit {
        const char *name; /* "cloche-x.service" */
        const char *load_state;
        const char *source_path;
        const char *description;
        const char *const *argv; /* NULL-terminated; NULL for a unit without ExecStart= */
        unsigned n_commands;     /* how many times it has that ExecStart= */
        uint64_t memory_max;
        uint64_t tasks_max;
        uint64_t cpu_quota_usec;
        bool need_reload;
} FakeUnit;

typedef struct FakeManager {
        sd_bus *bus;
        const FakeUnit *units;
        size_t n_units;
        unsigned n_loads; /* LoadUnit calls answered */
        bool is_deaf;     /* answers nothing */
        bool is_broken;   /* answers with errors */
} FakeManager;

/* All assert. *ret_client is a connection to it, attached to event; the caller's. */
FakeManager *fake_manager_new(sd_event *event, sd_bus **ret_client);
FakeManager *fake_manager_free(FakeManager *m);
void fake_manager_reload(FakeManager *m);
