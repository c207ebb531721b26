/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The making of a sandbox, from its first process to the guest's channel. */

#include "launcher/sandbox.h"

/* Begins, or lets it wait for its turn; opened or refused will come. Returns 0, or -errno and then
 * nothing comes: the caller frees the sandbox. */
int birth_begin(Sandbox *s);

/* Told when one is through with its birth: looks from the event loop whether another can begin. */
void birth_consider(Manager *m);

/* Tells the client why there will be no sandbox, and ends what there is of it. */
void birth_refuse(Sandbox *s, LauncherRefusal refusal, const char *detail);
