/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Transient scopes, made and stopped through the service manager over D-Bus. One ScopeBus for each
 * launcher: it subscribes to the manager's signals once and knows which job belongs to whom. */

#include <stdint.h>
#include <sys/types.h>
#include <systemd/sd-bus.h>

#include "wire/launcher-message.h"

typedef struct ScopeBus ScopeBus;
typedef struct ScopeStart ScopeStart;

typedef struct ScopeOptions {
        const char *name;  /* "cloche-<id>.scope", unused so far */
        const char *slice; /* "cloche-u<uid>.slice"; made when missing */
        const char *description;
        pid_t pid; /* the first process, alive and ours */
        const LauncherLimits *limits;
        uint64_t runtime_max_usec; /* the scope is killed after that */
} ScopeOptions;

/* error is 0, -ETIMEDOUT, or -EIO; message says in the manager's words what went wrong, never NULL.
 */
typedef void (*scope_callback_t)(int error, const char *message, void *userdata);

int scope_bus_new(ScopeBus **ret, sd_bus *bus);
ScopeBus *scope_bus_free(ScopeBus *b);

/* Starts a scope; the callback runs exactly once, when its job is done, unless freed before (the
 * scope may then still come to be; the caller stops it by name). Returns 0 or -errno. */
int scope_start(ScopeBus *b, const ScopeOptions *options, scope_callback_t callback, void *userdata,
                ScopeStart **ret);
ScopeStart *scope_start_free(ScopeStart *s);

/* of a sandbox: its profile, its user, and "" or ", " and what else is to be said */
#define SCOPE_DESCRIPTION "Cloche sandbox (%s) of uid %u%s"

/* Gives a scope that description with state behind it. Not waited for. Returns 0 or -errno. */
int scope_describe(ScopeBus *b, const char *name, const char *profile, uint32_t uid,
                   const char *state);

/* Asks the manager to stop a scope (its processes get SIGKILL). Not waited for; a scope that does
 * not exist is fine. Returns 0 or -errno when the message could not be sent. */
int scope_stop(ScopeBus *b, const char *name);

/* Lists loaded scopes "cloche-*.scope". names is borrowed; error is 0 or -errno. */
typedef void (*scope_list_callback_t)(int error, char *const *names, size_t n, void *userdata);
int scope_list(ScopeBus *b, scope_list_callback_t callback, void *userdata);
