/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A Profile out of what was learnt about it: its unit, its checked spec, its image. Pure. Each
 * returns 0 or -EPERM with one sentence in problem, and has then filled in what it could. */

#include <json-c/json.h>
#include <stddef.h>

#include "launcher/profile-unit.h"
#include "launcher/profile.h"

/* Description and limits. */
int profile_take_unit(Profile *p, const ProfileUnit *unit, char *problem, size_t problem_size);

/* Image, labels, the size of /work; and the spec itself, referenced. */
int profile_take_spec(Profile *p, json_object *spec, char *problem, size_t problem_size);

/* Id and digest, from Podman's answer about the image. */
int profile_take_image(Profile *p, json_object *image, char *problem, size_t problem_size);
