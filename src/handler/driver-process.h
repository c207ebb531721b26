/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A driver's process: started with three pipes that are ours, told of code, and listened to. */

#include <json-c/json.h>
#include <stdbool.h>

#include "handler/driver-reply.h"
#include "handler/program.h"
#include "handler/sandbox.h"

typedef struct DriverProcess DriverProcess;

/* From the event loop. */
typedef struct DriverProcessEvents {
        /* It said something (borrowed; what is taken out of it is the taker's). False: that makes no
         * sense, and is followed by on_nonsense. */
        bool (*on_reply)(DriverReply *reply, void *userdata);
        void (*on_replies)(void *userdata); /* behind the last of several that came at once */
        void (*on_nonsense)(void *userdata);
        void (*on_exited)(const GuestExited *exited, void *userdata); /* borrowed */
} DriverProcessEvents;

/* Starts the sandbox's driver. Returns 0, METHOD_E_TOO_MANY_REQUESTS or -errno. */
int driver_process_new(DriverProcess **ret, Sandbox *s, const DriverProcessEvents *events,
                       void *userdata);
/* Takes over the one that came with the sandbox: fds (LauncherFd) are taken as far as they are wanted. Returns
 * 0 or -errno. */
int driver_process_adopt(DriverProcess **ret, Sandbox *s, int *fds,
                         const DriverProcessEvents *events, void *userdata);
/* Tells what that one has said already: on_reply and what follows it. */
void driver_process_look(DriverProcess *p);
/* Nothing is told any more; the process goes on as it was. */
DriverProcess *driver_process_free(DriverProcess *p);

/* To be moved, signalled and ended. */
Program *driver_process_program(DriverProcess *p);

/* Gives it a line of JSON. One that takes no more is about to end, and its end will say so. Returns 0
 * or -errno. */
int driver_process_send(DriverProcess *p, json_object *command);

/* It has closed its replies, and may be alive. */
bool driver_process_is_mute(const DriverProcess *p);

/* Nothing it says is told any more. */
void driver_process_ignore(DriverProcess *p);

/* What it has said on stderr before driver_process_hush(), its beginning; "" for nothing. */
const char *driver_process_complaint(const DriverProcess *p);
/* It has become ready: what it says on stderr is of no interest any more. */
void driver_process_hush(DriverProcess *p);

/* The client takes output again. */
void driver_process_resume(DriverProcess *p);
