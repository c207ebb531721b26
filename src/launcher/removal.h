/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The end of a sandbox, whatever state it was in: everything in its scope killed at once, the scope
 * seen empty, the container forgotten by Podman. It never gives up while the launcher lives. */

#include "launcher/sandbox.h"

/* Begins; the sandbox is freed when it is over, after its gone event. */
void removal_begin(Sandbox *s);

/* Told when something that a removal may wait for has happened: a request ended, the scope changed.
 */
void removal_continue(Sandbox *s);
