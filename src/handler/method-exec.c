/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Both are answered about themselves only: how the run ends is the run's own answer, and may come
 * before or after. */

#include <errno.h>
#include <string.h>

#include "basic/base64.h"
#include "basic/cleanup.h"
#include "handler/execution.h"
#include "handler/method-exec.h"

int method_exec_cancel(Handler *h, Request *request, const void *params,
                       RpcProblem *reterr _unused_) {
        const ExecCancelParams *p = params;
        Execution *e = execution_find(h, p->id);

        if (!e)
                return METHOD_E_NOT_RUNNING;
        execution_cancel(e);
        request_succeed(request, json_object_new_object());
        return 0;
}

static int refuse(RpcProblem *reterr, const char *field, const char *detail) {
        int r = rpc_problem_set(reterr, field, "%s", detail);

        return r < 0 ? r : METHOD_E_PARAMS;
}

int method_exec_stdin(Handler *h, Request *request, const void *params, RpcProblem *reterr) {
        const ExecStdinParams *p = params;
        Execution *e = execution_find(h, p->id);
        _cleanup_free_ void *decoded = NULL;
        const void *data = p->text ? p->text : "";
        size_t size = p->text ? strlen(p->text) : 0;
        int r;

        if (p->text && p->base64)
                return refuse(reterr, "base64", "there is text already: give one of the two");
        if (!p->text && !p->base64 && !p->eof)
                return refuse(reterr, "text", "is missing: give text, base64 or eof");
        if (p->base64) {
                r = base64_decode(p->base64, strlen(p->base64), &decoded, &size);
                if (r == -EBADMSG)
                        return refuse(reterr, "base64", "is not base64");
                if (r < 0)
                        return r;
                data = decoded;
        }
        if (!e)
                return METHOD_E_NOT_RUNNING;
        return execution_add_input(e, request, data, size, p->eof);
}
