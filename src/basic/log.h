/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Lines for the operator, on stderr with the <N> prefix that journald reads as priority. A record
 * of what happened is audit/, not this. Library code is silent; the function that stops an error
 * says it, once. Arguments that a peer wrote go through log_escape() first. */

#include <syslog.h>

#include "basic/cleanup.h"

/* level is a syslog level. error is 0 or a (negative or positive) errno that is appended as text.
 * Returns -abs(error), so that "return log_full(…)" reads well. */
_printf_(3, 4) int log_full(int level, int error, const char *format, ...);

#define log_error(error, ...)   log_full(LOG_ERR, error, __VA_ARGS__)
#define log_warning(error, ...) log_full(LOG_WARNING, error, __VA_ARGS__)
#define log_notice(...)         log_full(LOG_NOTICE, 0, __VA_ARGS__)
#define log_info(...)           log_full(LOG_INFO, 0, __VA_ARGS__)
#define log_debug(...)          log_full(LOG_DEBUG, 0, __VA_ARGS__)
#define log_oom()               log_full(LOG_ERR, ENOMEM, "Cannot allocate")

/* Copies at most size - 1 bytes of text to buffer with every byte outside printable ASCII as \xNN.
 * Returns buffer. */
const char *log_escape(char *buffer, size_t size, const char *text);
