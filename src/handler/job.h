/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* One execution on behalf of a request: its output reported, the request's controls obeyed, and in
 * the end the request's result. */

#include <json-c/json.h>
#include <stdbool.h>

#include "handler/execution.h"
#include "handler/order.h"
#include "handler/report.h"

typedef struct Job Job;

/* Called once, the last; the job is then freed. result (given away) is there when failure is 0;
 * problem may be NULL. */
typedef void (*job_done_t)(json_object *result, int failure, const RpcProblem *problem,
                           void *userdata);

/* Begins. The request's params are dropped as soon as the program has started. Returns 0, a METHOD_E_… with reterr set, or -errno. */
int job_new(Job **ret, Request *request, Sandbox *s, const ProgramParams *params,
            const ExecutionOrder *order, job_done_t done, void *userdata);
/* For the end of the handler. */
Job *job_free(Job *j);

/* To be a request's own, with the job as their task; the job takes them away when it is done. */
extern const RequestControls job_controls;
