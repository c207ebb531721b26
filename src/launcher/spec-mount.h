/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The "mounts" of a SpecGenerator: a profile may bring tmpfs mounts, a sandbox gets those, its
 * guest, the drivers, its channel and the files that say its limits. Pure. */

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WORK_PATH "/work"

/* A file of the launcher's for code to read. Both paths absolute. */
typedef struct SpecFile {
        const char *source;      /* on the host */
        const char *destination; /* in the container */
} SpecFile;

/* Absolute, without empty, "." or ".." components, and no slash at its end. "/" is none. */
bool spec_path_is_clean(const char *path);

/* Whether path is parent or below it. */
bool spec_path_is_below(const char *path, const char *parent);

/* Returns 0, or -EPERM with what is wrong in problem ("…" is a bind mount …). mounts is an array.
 */
int spec_mount_check(json_object *mounts, char *problem, size_t problem_size);

/* The size of the tmpfs on /work, LIMIT_UNSET when there is none or it says none. */
uint64_t spec_mount_work_bytes(json_object *mounts);

/* Host paths of what every sandbox gets. */
typedef struct SpecPaths {
        const char *guest;   /* the static guest */
        const char *drivers; /* a directory */
        const char *channel; /* the sandbox's socket */
} SpecPaths;

/* A new array: the profile's checked mounts (NULL: none), with /work of this size; and those of paths
 * and the files. Returns 0 or -ENOMEM. */
int spec_mount_complete(json_object *mounts, uint64_t work_bytes, const SpecPaths *paths,
                        const SpecFile *files, size_t n_files, json_object **ret);
