/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What the handler adds to the audit: refused requests, and each execution's begin and end. That a
 * connection and a sandbox came and went is the launcher's to say. */

#include <json-c/json.h>

#include "handler/handler.h"
#include "handler/payload.h"
#include "handler/result.h"
#include "wire/rpc-error.h"

/* id, method and problem may be NULL. A record that cannot be written is logged. */
void record_refused(Handler *h, json_object *id, const char *method, RpcError error,
                    const RpcProblem *problem);

/* Returns 0 or -errno when the record was not written; whether that matters is the caller's. */
int record_started(Handler *h, json_object *id, const ResultSubject *subject,
                   const Payload *payload, const LauncherLimits *limits);

/* A record that cannot be written is logged: what happened has happened. */
void record_ended(Handler *h, json_object *id, const ResultSubject *subject, const RunEnd *end,
                  const Result *result);
