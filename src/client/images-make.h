/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Images built from the folders of their profiles, and images pulled from a registry. Both show what
 * happens, are logging, and return 0 or -errno; -EREMOTEIO when the build or the pull failed. */

#include <stdbool.h>
#include <stddef.h>

#include "client/images.h"

typedef struct ImagesBuild {
        const char *base; /* for the Containerfile's ARG BASE; NULL: what stands there */
        bool no_cache;    /* every step anew */
        bool pull;        /* looks for a newer base image, though there is one */
} ImagesBuild;

/* names: n profiles; none of them is all that have a Containerfile. */
int images_build(const Images *i, const ImagesBuild *options, char *const *names, size_t n);

/* The image that each of these profiles names; or one image, with the profiles' names for it besides
 * its own. */
int images_pull(const Images *i, const char *image, char *const *names, size_t n);
