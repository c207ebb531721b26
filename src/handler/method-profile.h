/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* profile.list: what a run can name, and what is wrong with what it cannot. */

#include "handler/methods.h"

int method_profile_list(Handler *h, Request *request, const void *params, RpcProblem *reterr);
