/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Which files of a sandbox a pattern means. */

#include <json-c/json.h>
#include <stdbool.h>

#include "client/copy.h"

/* Whether the pattern has a wildcard of fnmatch(3): * ? [. Pure. */
bool match_is_pattern(const char *text);

/* The directory to list for a pattern: what stands before the last slash that comes before the first
 * wildcard ("." or "/" when there is no such part), to be freed. *ret_rest (borrowed from pattern) is
 * what is to be compared with the names in it. NULL without memory. Pure. */
char *match_directory(const char *pattern, const char **ret_rest);

/* The paths of all regular files in a sandbox that match, in the order of their names, appended to
 * the array paths; a text without wildcards is the path itself. A name that is not UTF-8 is passed over. Logging. Returns 0, also when
 * nothing matches, or -errno, -EINTR after a signal. */
int match_files(const Copier *c, const char *pattern, json_object *paths);
