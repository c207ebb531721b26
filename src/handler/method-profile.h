/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* profile.list: what a run can name, and what is wrong with what it cannot. */

#include <json-c/json.h>

#include "handler/methods.h"
#include "wire/launcher-message.h"

int method_profile_list(Handler *h, Request *request, const void *params, RpcProblem *reterr);

/* The limits in force, as the member "limits" of an object. Returns 0 or -ENOMEM. */
int method_profile_set_limits(json_object *object, const LauncherLimits *limits);
