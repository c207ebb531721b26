/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Each is answered about itself only: how what it was done to ends is that request's own answer, and
 * may come before or after. What cannot be done to a request, because it runs nothing (yet, or any
 * more) or is of another kind, is refused as not running. */

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "basic/cleanup.h"
#include "handler/handler.h"
#include "handler/method-exec.h"
#include "handler/order.h"
#include "handler/request.h"

int method_exec_cancel(Handler *h, Request *request, const void *params,
                       RpcProblem *reterr _unused_) {
        const ExecCancelParams *p = params;
        Request *target = request_find(h, p->id);

        if (!target || !target->controls || !target->controls->cancel)
                return METHOD_E_NOT_RUNNING;
        target->controls->cancel(target->task);
        request_succeed(request, json_object_new_object());
        return 0;
}

int method_exec_stdin(Handler *h, Request *request, const void *params, RpcProblem *reterr) {
        const ExecStdinParams *p = params;
        Request *target = request_find(h, p->id);
        _cleanup_free_ void *decoded = NULL;
        const void *data;
        size_t size;
        int r;

        if (p->text && p->base64)
                return order_refuse(reterr, "base64", "there is text already: give one of the two");
        if (!p->text && !p->base64 && !p->eof)
                return order_refuse(reterr, "text", "is missing: give text, base64 or eof");
        r = order_decode(p->text, p->base64, "base64", &data, &size, &decoded, reterr);
        if (r != 0)
                return r;
        if (!target || !target->controls || !target->controls->add_input)
                return METHOD_E_NOT_RUNNING;
        return target->controls->add_input(target->task, request, data, size, p->eof);
}

uint32_t method_exec_signal_number(const char *name) {
        unsigned long number;
        char *end;

        if (name[0] >= '0' && name[0] <= '9') {
                number = strtoul(name, &end, 10);
                return *end == 0 && number <= 64 ? (uint32_t)number : 0;
        }
        if (strncmp(name, "SIG", 3) == 0)
                name += 3;
        for (int i = 1; i < SIGRTMIN; i++) {
                const char *known = sigabbrev_np(i);

                if (known && strcmp(known, name) == 0)
                        return (uint32_t)i;
        }
        return 0;
}

/* What came of it, as an answer. Returns 0, a METHOD_E_… or -errno. */
static int finish(Request *request, int r) {
        switch (r) {
        case 0:
                request_succeed(request, json_object_new_object());
                return 0;
        case -ESRCH:
                return METHOD_E_NOT_RUNNING;
        case -ENOTTY:
                return METHOD_E_NO_TERMINAL;
        case -EAGAIN:
                return METHOD_E_TOO_MANY_REQUESTS;
        default:
                return r;
        }
}

int method_exec_signal(Handler *h, Request *request, const void *params, RpcProblem *reterr) {
        const ExecSignalParams *p = params;
        Request *target = request_find(h, p->id);
        uint32_t number = method_exec_signal_number(p->signal);

        if (number == 0)
                return order_refuse(reterr, "signal",
                                    "must be the name of a signal, such as INT, or its number");
        if (!target || !target->controls || !target->controls->signal)
                return METHOD_E_NOT_RUNNING;
        return finish(request, target->controls->signal(target->task, number));
}

int method_exec_resize(Handler *h, Request *request, const void *params,
                       RpcProblem *reterr _unused_) {
        const ExecResizeParams *p = params;
        Request *target = request_find(h, p->id);

        if (!target || !target->controls || !target->controls->resize)
                return METHOD_E_NOT_RUNNING;
        return finish(request, target->controls->resize(target->task, (uint16_t)p->rows,
                                                        (uint16_t)p->columns));
}
