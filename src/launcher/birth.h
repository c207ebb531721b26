/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The making of a sandbox, from its first process to the guest's channel. */

#include "launcher/sandbox.h"

/* Told of one that is new, and of one that is through with its birth: has those whose turn it is begin,
 * from the event loop. Each is told opened or refused. */
void birth_consider(Manager *m);

/* Remembers an open sandbox and writes its opening to the journal. Returns 0, -ENOBUFS when a launcher cannot
 * remember more, or -EPERM when the journal cannot be written and policy requires it. */
int birth_record(Sandbox *s);

/* Tells the client why there will be no sandbox, and ends what there is of it. */
void birth_refuse(Sandbox *s, LauncherRefusal refusal, const char *detail);
