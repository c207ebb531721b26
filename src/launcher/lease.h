/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What stands between a client and one sandbox: asked for, being made, held, ended. */

#include "launcher/client.h"

/* OPEN: answers OPENED or REFUSED, at once or later. Returns 0, or -errno when the connection must
 * end. */
int lease_open(Client *c, const LauncherOpen *message);

/* PLACE: answers PLACED or REFUSED at once. */
void lease_place(Client *c, const LauncherPlace *message);

/* END: answers ENDED or REFUSED, at once or, after a kill, later. */
void lease_end(Client *c, const LauncherEnd *message);

/* CLOSE: answers CLOSED at once; the removal goes on. */
int lease_close(Client *c, const LauncherClose *message);

/* Takes over every sandbox that the state memory says this client holds. Returns 0 or -errno; one
 * that died meanwhile is reported as DIED. */
int lease_adopt_all(Client *c);

/* Ends every sandbox of a client, whatever its state. */
void lease_end_all(Client *c);
