/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Whether an image's name can have come to mean another image since Podman was last asked. */

#include <json-c/json.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#define IMAGE_STAMP_PATH_SIZE 1024 /* bytes; a longer path is as good as none */

typedef struct ImageStamp {
        char path[IMAGE_STAMP_PATH_SIZE]; /* of the file with the names, "" when unknown */
        struct stat file;                 /* as it was before Podman was asked … */
        uint64_t asked_usec;              /* … and when, CLOCK_MONOTONIC; 0: not yet */
} ImageStamp;

/* Finds the file by Podman's description of an image (GET images/…/json). It counts as not asked. */
void image_stamp_locate(ImageStamp *s, json_object *image);

/* Before Podman is asked: *ret is of this moment, and counts once the answer has come. */
void image_stamp_take(const ImageStamp *s, ImageStamp *ret);

/* Whether there is no use in asking again. */
bool image_stamp_holds(const ImageStamp *s);
