/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Shows the image of each profile: a table, or one JSON object. Where Podman does not answer us, size
 * and date are left out, and whether an image is missing is told by the service's own words. Logging.
 * Returns 0 or -errno. */

#include <stdbool.h>

#include "client/images.h"

int images_list(const Images *i, bool as_json);
