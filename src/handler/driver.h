/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The program in a sandbox that runs code one piece after another and keeps an interpreter's state
 * in between. What it is, the profile says; what it speaks with us is at the top of driver.c. */

#include <json-c/json.h>
#include <stdbool.h>
#include <stdint.h>

#include "handler/execution.h"
#include "handler/sandbox.h"

/* Puts an execution in the row of those that wait; execution_start() tells it that its turn has come.
 * The sandbox gets a driver when it has none. reset: a fresh one. Returns 0 or -errno. */
int driver_enqueue(Sandbox *s, Execution *e, bool reset);

/* Takes over the driver that runs in the sandbox already; fds as they came with it (LauncherFd). Returns 0 or
 * -errno. */
int driver_adopt(Sandbox *s, int *fds);

/* For the end of its sandbox: tells nobody. */
Driver *driver_free(Driver *d);

/* Takes over the stand-in that is ready in the sandbox already; fds as driver_adopt(). Returns 0 or -errno. */
int driver_adopt_stand_in(Sandbox *s, int *fds);

/* Lets it come to the execution whose turn it is, and whose cgroup and streams are there. */
void driver_take(Driver *d, Execution *e);

/* Lets it begin there: the code is where the command says. */
void driver_begin(Driver *d, Execution *e);

/* Tells it to let go of that execution, which is then told execution_code_done(). False when there
 * is nothing to let go of: it has not taken it yet. */
bool driver_interrupt(Driver *d, Execution *e);

/* A signal while it runs that execution's code. Returns 0, -ESRCH, -EAGAIN or -errno. */
int driver_signal(Driver *d, Execution *e, uint32_t signo);

/* The execution is over, or waits no more. One that runs dies with it. */
void driver_leave(Driver *d, Execution *e);

/* The client takes output again. */
void driver_resume(Driver *d);
