/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The images of profiles, and what the forms of `cloche images` share. Which profiles there are, and
 * which image each names, is the service's to say (profile.list), as to everybody; images themselves are
 * Podman's, and are seen and made by whoever may reach its socket. */

#include <json-c/json.h>

#include "client/address.h"
#include "client/podman.h"

typedef struct Images {
        const Address *address; /* borrowed */
        Podman podman;
        json_object *answer;   /* of profile.list, owned */
        json_object *profiles; /* the array in it, borrowed */
        const char *contexts;  /* a folder with one for each profile, borrowed */
} Images;

/* Asks the service. contexts NULL: the installed ones. Logging. Returns 0 or -errno. */
int images_init(Images *i, const Address *address, const char *contexts);
void images_done(Images *i);
#define _cleanup_images_ _cleanup_(images_done)

/* The profile of this name, borrowed; NULL, told, when there is none. */
json_object *images_find(const Images *i, const char *profile);

/* Opens the folder of a profile, told unless it is not there. Returns the descriptor or -errno. */
int images_open_context(const Images *i, const char *profile, char **ret_path);

/* What Podman knows of an image by its name: an object with Id, Digest, Size and Created. Not logging.
 * As podman_call(): 200 with *ret, 404 when it is missing. */
int images_inspect(const Images *i, const char *image, json_object **ret, char **reterr);
