/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The table of events: for each its MESSAGE_ID (audit_event_message_id()), name, priority and the
 * sentence a person reads in the journal. */

#include "audit/audit.h"

/* The name in CLOCHE_EVENT: lower case with underscores. */
const char *audit_event_name(AuditEvent event);

/* A syslog level: informational, and higher for a refusal or an end that was not as wished. */
int audit_event_priority(AuditEvent event, const AuditValue *values, size_t n_values);

/* The event's sentence with the values put in, as printable ASCII and "…", one line. *ret is
 * malloc()ed. Returns 0 or -ENOMEM. */
int audit_event_message(AuditEvent event, const AuditValue *values, size_t n_values, char **ret);
