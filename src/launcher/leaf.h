/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* An execution's own cgroup inside a sandbox, so that one of many can be ended with everything that
 * it started, and billed for what it used, while nothing else is touched:
 *
 *   <scope>/libpod-<container>/guest      the container's first process, and its children until
 *                                         they are placed
 *   <scope>/libpod-<container>/exec-<n>   an execution
 *
 * A leaf exists from its first process on. After its END it is removed as soon as it is empty;
 * whatever is left goes with its sandbox. */

#include "launcher/sandbox.h"

#define LEAVES_MAX       512 /* of one sandbox; each not yet empty needs a process there */
#define LEAF_WAITING_MAX 8   /* who waits for one leaf to be empty */

typedef enum LeafOutcome {
        LEAF_DONE,
        LEAF_E_FOREIGN,  /* no such living process in the sandbox, or it is the guest itself */
        LEAF_E_UNKNOWN,  /* no such execution */
        LEAF_E_ENDING,   /* the execution is being killed */
        LEAF_E_TOO_MANY, /* leaves, or waiting for one */
} LeafOutcome;

/* Makes a new container ready for leaves: moves its first process, the only one so far, to the leaf
 * "guest" and has the kernel count in each leaf. Returns 0 or -errno. */
int leaf_prepare(const Sandbox *s, pid_t guest);

/* Finds the leaves that a launcher before this one made. Forks that failed before this are not
 * billed to them. Returns 0 or -ENOMEM. */
int leaf_adopt_all(Sandbox *s);

/* Moves a process of the sandbox, and by it all that it will fork, to an execution's leaf. Returns
 * a LeafOutcome or -errno. */
int leaf_place(Sandbox *s, uint32_t exec, pid_t pid);

/* Tells what an execution has used by SandboxEvents.ended, once for each call that returns
 * LEAF_DONE: before this returns, or with kill, when everything in the leaf is dead (or will not
 * die in EMPTY_TIMEOUT_USEC). Returns a LeafOutcome. */
int leaf_end(Sandbox *s, uint32_t exec, bool kill, uint64_t serial);

/* The sandbox ends, and with it all that was waited for: everybody is told. */
void leaf_end_all(Sandbox *s);

/* Whether the guest, or a child that was not placed yet, was killed for memory; -errno when that
 * cannot be known (any more). */
int leaf_is_guest_oom_killed(const Sandbox *s);

/* Forgets all of them, telling nobody. */
void leaf_free_all(Sandbox *s);
