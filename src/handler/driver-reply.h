/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* One line that a driver says, as cloche-driver(7) has it. Pure. */

#include <json-c/json.h>
#include <stddef.h>
#include <stdint.h>

#include "basic/cleanup.h"

typedef enum DriverReplyKind {
        DRIVER_REPLY_READY,
        DRIVER_REPLY_RESULT,
        DRIVER_REPLY_DONE,
} DriverReplyKind;

typedef struct DriverReply {
        DriverReplyKind kind;
        uint32_t run;      /* RESULT and DONE: of which piece of code */
        json_object *data; /* RESULT: strings by media type, text/plain among them; owned */
        uint8_t exit_code; /* DONE */
        /* DONE: name, value and traceback, each a string of at most ERROR_SIZE_MAX bytes; owned, and
         * NULL when the code did not end by an error */
        json_object *error;
} DriverReply;

/* line is size bytes without the newline. Returns 0; -EBADMSG for what makes no sense, and *ret is then
 * untouched; or -ENOMEM. */
int driver_reply_parse(const char *line, size_t size, DriverReply *ret);

void driver_reply_done(DriverReply *r);
#define _cleanup_driver_reply_ _cleanup_(driver_reply_done)
