/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What the handler adds to the audit: refused requests, files that went in and out, and each
 * execution's begin and end. That a
 * connection and a sandbox came and went is the launcher's to say. */

#include <json-c/json.h>

#include "handler/handler.h"
#include "handler/result.h"
#include "wire/payload.h"
#include "wire/rpc-error.h"

/* id, method and problem may be NULL. A record that cannot be written is logged. */
void record_refused(Handler *h, json_object *id, const char *method, RpcError error,
                    const RpcProblem *problem);

/* Returns 0, also when the record was not written and policy does not need it, which is logged; or
 * METHOD_E_AUDIT. */
int record_started(Handler *h, json_object *id, const ResultSubject *subject,
                   const Payload *payload, uint64_t timeout_usec, uint64_t output_bytes);

/* A file that went in (AUDIT_FILE_IN), came out (…OUT) or was removed. A record that cannot be written
 * is logged. */
void record_file(Handler *h, AuditEvent event, json_object *id, const char *sandbox,
                 const char *path, uint64_t size);

/* A record that cannot be written is logged: what happened has happened. */
void record_ended(Handler *h, json_object *id, const ResultSubject *subject, const RunEnd *end,
                  const Result *result);
