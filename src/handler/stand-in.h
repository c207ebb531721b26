/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A stand-in that is ready before there is code for it: its process, in the cgroup of an execution to come,
 * holds that execution's streams. */

#include <stdbool.h>
#include <stdint.h>

#include "handler/program.h"
#include "handler/sandbox.h"

typedef struct StandIn StandIn;

/* From the event loop, once at most: it has ended by itself, and is of no use. Its owner frees it. */
typedef void (*stand_in_lost_t)(void *userdata);

/* Starts one. Returns 0, METHOD_E_TOO_MANY_REQUESTS or -errno. */
int stand_in_new(StandIn **ret, Sandbox *s, stand_in_lost_t on_lost, void *userdata);
/* Takes over the one that came with the sandbox: fds (LauncherFd) are taken as far as they are wanted. Returns
 * 0 or -errno. */
int stand_in_adopt(StandIn **ret, Sandbox *s, int *fds, stand_in_lost_t on_lost, void *userdata);
/* Nothing is told any more; the process goes on as it was. Takes NULL. */
StandIn *stand_in_free(StandIn *s);

/* Whether it holds the streams, so that others can open them by name. False for NULL. */
bool stand_in_is_ready(const StandIn *s);

/* The execution that it stands in for. */
uint32_t stand_in_exec(const StandIn *s);

/* Gives it, when it is ready, to that execution, which is told of its end from here on; s is freed.
 * ret_fds gets our ends of its stdin, stdout and stderr, which are the caller's like the program. */
Program *stand_in_take(StandIn *s, const ProgramEvents *events, void *userdata,
                       int ret_fds[static 3]);
