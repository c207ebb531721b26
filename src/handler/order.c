/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Every refusal here names the field and says what would be right, since a program wrote it and a
 * person reads it. */

#include <errno.h>
#include <string.h>

#include "basic/base64.h"
#include "basic/cleanup.h"
#include "basic/limits.h"
#include "handler/order.h"

#define ROWS_DEFAULT    24
#define COLUMNS_DEFAULT 80

int order_refuse(RpcProblem *reterr, const char *field, const char *detail) {
        int r = rpc_problem_set(reterr, field, "%s", detail);

        return r < 0 ? r : METHOD_E_PARAMS;
}

int order_check(const ProgramParams *p, RpcProblem *reterr) {
        if (!p->code && !p->argv)
                return order_refuse(reterr, "code", "is missing: give code or argv");
        if (p->code && p->argv)
                return order_refuse(reterr, "argv", "there is code already: give one of the two");
        if (p->argv && !json_object_get_string(json_object_array_get_idx(p->argv, 0))[0])
                return order_refuse(reterr, "argv[0]", "must name a program");
        if (p->input && p->input_base64)
                return order_refuse(reterr, "stdin_base64",
                                    "there is stdin already: give one of the two");
        if (!p->has_terminal && (p->rows != LIMIT_UNSET || p->columns != LIMIT_UNSET))
                return order_refuse(reterr, "rows", "there is no terminal: set pty too");
        return 0;
}

int order_decode(const char *text, const char *base64, const char *base64_field,
                 const void **ret_data, size_t *ret_size, void **ret_owned, RpcProblem *reterr) {
        int r;

        *ret_owned = NULL;
        *ret_data = text ? text : "";
        *ret_size = text ? strlen(text) : 0;
        if (!base64)
                return 0;
        r = base64_decode(base64, strlen(base64), ret_owned, ret_size);
        if (r == -EBADMSG)
                return order_refuse(reterr, base64_field, "is not base64");
        *ret_data = *ret_owned;
        return r;
}

int order_open_streams(const ProgramParams *p, Handler *h, Streams **ret, RpcProblem *reterr) {
        _cleanup_(streams_freep) Streams *s = NULL;
        _cleanup_free_ void *decoded = NULL;
        const void *data;
        size_t size;
        int r;

        r = order_decode(p->input, p->input_base64, "stdin_base64", &data, &size, &decoded, reterr);
        if (r == 0)
                r = streams_new(&s, h);
        if (r == 0)
                r = streams_add_input(s, NULL, data, size, !p->input_open);
        if (r == 0)
                *ret = TAKE_PTR(s);
        return r;
}

int order_make(const ProgramParams *p, const Sandbox *s, Request *request, ExecutionOrder *ret) {
        *ret = (ExecutionOrder){
                .payload = {
                        .argv = p->argv,
                        .words = s->opened.interpreter,
                        .takes_code_path = true,
                        .code = p->code,
                        .code_name = s->opened.code_name,
                        .env = p->env,
                        .cwd = p->cwd,
                },
                /* a driver has no terminal to give */
                .by_driver = p->code && s->opened.driver[0] && !p->has_terminal,
                .has_terminal = p->has_terminal,
                .timeout_usec = p->timeout_ms == LIMIT_UNSET ? LIMIT_UNSET :
                                                               p->timeout_ms * USEC_PER_MSEC,
                .output_bytes = p->output_bytes,
                .request_id = request->id,
        };
        if (p->has_terminal) {
                ret->rows = p->rows == LIMIT_UNSET ? ROWS_DEFAULT : (uint16_t)p->rows;
                ret->columns = p->columns == LIMIT_UNSET ? COLUMNS_DEFAULT : (uint16_t)p->columns;
        }
        return p->code && !s->opened.interpreter[0] ? METHOD_E_NO_INTERPRETER : 0;
}
