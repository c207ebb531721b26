/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What one execution runs, packed for the guest: a sealed memfd and the frame that describes it. */

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/guest-frame.h"

typedef struct Payload {
        json_object *argv;        /* an array of strings, or NULL: then … */
        const char *words;        /* … these, separated by \n … */
        bool takes_code_path;     /* … and the path that the code gets */
        const char *code;         /* NULL: none, or … */
        bool has_code_later;      /* … what payload_pack_code() will make */
        const char *code_name;    /* a plain file name, with code */
        json_object *sandbox_env; /* objects of strings, or NULL; … */
        json_object *env;         /* … what is in both has this value */
        const char *cwd;          /* NULL: the container's */
} Payload;

/* All of p is borrowed. exec is the program's id, which is in the code's path. Returns the memfd,
 * which the caller owns, with *ret_start set but for its header and terminal; -E2BIG when it is
 * beyond PAYLOAD_SIZE_MAX or ARGV_MAX; or -errno. */
int payload_pack(const Payload *p, uint32_t exec, GuestStart *ret_start);

/* Code that comes later: the memfd, which the caller owns, and the frame that describes it, for the program
 * exec; -E2BIG when it is beyond LINE_SIZE_MAX; or -errno. */
int payload_pack_code(const char *code, uint32_t exec, GuestFrame *ret_frame);
