/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The answer to PROFILES: one PROFILE message each, in the order of their names, then DONE. */

#include "launcher/client.h"

/* Returns 0, or -errno when the connection must end. A second one while one is under way is
 * refused. */
int listing_begin(Client *c, uint64_t serial);
Listing *listing_free(Listing *l);
