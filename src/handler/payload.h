/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What one execution runs, packed for the guest: a sealed memfd and the frame that describes it. */

#include <json-c/json.h>
#include <stddef.h>

#include "wire/guest-frame.h"

typedef struct Payload {
        json_object *argv;       /* an array of strings, or NULL: then the interpreter runs code */
        const char *interpreter; /* words separated by \n */
        const char *code;
        const char *code_name;
        json_object *env; /* an object of strings, or NULL */
} Payload;

/* All of p is borrowed. Returns the memfd, which the caller owns, with *ret_start set but for its
 * header; -E2BIG when it is beyond PAYLOAD_SIZE_MAX or ARGV_MAX; or -errno. */
int payload_pack(const Payload *p, GuestStart *ret_start);
