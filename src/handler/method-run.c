/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What a table of fields cannot say is checked here: that there is code or argv and not both, one
 * kind of stdin, and a program's name. All else is the execution's. */

#include <errno.h>
#include <string.h>

#include "basic/base64.h"
#include "basic/cleanup.h"
#include "basic/limits.h"
#include "handler/execution.h"
#include "handler/method-run.h"

static int refuse(RpcProblem *reterr, const char *field, const char *detail) {
        int r = rpc_problem_set(reterr, field, "%s", detail);

        return r < 0 ? r : METHOD_E_PARAMS;
}

static int check(const RunParams *p, RpcProblem *reterr) {
        if (!p->code && !p->argv)
                return refuse(reterr, "code", "is missing: give code or argv");
        if (p->code && p->argv)
                return refuse(reterr, "argv", "there is code already: give one of the two");
        if (p->argv && !json_object_get_string(json_object_array_get_idx(p->argv, 0))[0])
                return refuse(reterr, "argv[0]", "must name a program");
        if (p->input && p->input_base64)
                return refuse(reterr, "stdin_base64",
                              "there is stdin already: give one of the two");
        return 0;
}

int method_run(Handler *h, Request *request, const void *params, RpcProblem *reterr) {
        const RunParams *p = params;
        _cleanup_free_ void *decoded = NULL;
        ExecutionOrder order = {
                .profile = p->profile ? p->profile : RUN_PROFILE_DEFAULT,
                .code = p->code,
                .argv = p->argv,
                .env = p->env,
                .limits = {
                        .memory_bytes = p->limits.memory_bytes,
                        .tasks = p->limits.tasks,
                        .cpu_percent = p->limits.cpu_percent,
                        .work_bytes = p->limits.work_bytes,
                        .timeout_usec = p->timeout_ms == LIMIT_UNSET ? LIMIT_UNSET :
                                                p->timeout_ms * USEC_PER_MSEC,
                        .output_bytes = p->limits.output_bytes,
                },
                .input = p->input ? p->input : "",
                .input_size = p->input ? strlen(p->input) : 0,
                .input_open = p->input_open,
        };
        int r;

        r = check(p, reterr);
        if (r != 0)
                return r;
        if (p->input_base64) {
                r = base64_decode(p->input_base64, strlen(p->input_base64), &decoded,
                                  &order.input_size);
                if (r == -EBADMSG)
                        return refuse(reterr, "stdin_base64", "is not base64");
                if (r < 0)
                        return r;
                order.input = decoded;
        }
        /* a name that none can have is not even asked for */
        if (!launcher_profile_name_is_valid(order.profile))
                return METHOD_E_UNKNOWN_PROFILE;
        return execution_new(h, request, &order);
}
