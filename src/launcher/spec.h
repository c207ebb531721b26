/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Podman's SpecGenerator JSON: checked against what a profile may set, deny by default, and
 * completed into one sandbox's. Pure: JSON in, JSON out, no descriptor and no clock.
 *
 * Trust: the recorded JSON comes from an administrator's Quadlet file through Podman's own client.
 * An administrator may be wrong, and a drop-in may come from elsewhere, so every field is looked
 * at: one that is neither allowed nor at its harmless default refuses the whole profile by name. */

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>

#include "launcher/spec-mount.h"
#include "wire/launcher-message.h"

/* Checks a recorded spec. Returns 0; or -EPERM, with one sentence in reterr_problem that names the
 * field, what it was and what a profile may say instead (the caller adds the file); -ENOMEM. */
int spec_check(json_object *recorded, char *reterr_problem, size_t problem_size);

/* The size that a checked spec gives the tmpfs on /work, LIMIT_UNSET when it says none. */
uint64_t spec_work_bytes(json_object *checked);

/* The size that a checked spec gives /dev/shm, LIMIT_UNSET when it says none. */
uint64_t spec_shm_bytes(json_object *checked);

/* What one sandbox adds to its profile's checked spec. All strings borrowed. */
typedef struct SpecSandbox {
        const char *name;     /* container name, cloche-<id> */
        const char *image_id; /* 64 hex digits: the pinned image, instead of its name */
        const char
                *cgroup_parent; /* the scope's cgroup path, "/cloche.slice/…/cloche-<id>.scope" */
        SpecPaths paths;
        bool system_mode;      /* userns auto of 65536 ids, or the user's own mapping */
        uint64_t work_bytes;   /* size of the tmpfs on /work */
        uint64_t memory_bytes; /* the scope's limits, which the container's cgroup repeats */
        uint64_t cpu_percent;
        unsigned cpus;         /* what code is told to have, 1 or more */
        const SpecFile *files; /* what it reads about that, n_files */
        size_t n_files;
        const char *const *labels; /* name, value, name, value …, n_labels pairs */
        size_t n_labels;
} SpecSandbox;

/* A new spec: what a checked one may say (environment, labels, tmpfs mounts, working directory,
 * time zone, masked paths, size of /dev/shm), and everything else as it is for every sandbox (netns
 * none, cap_drop all and cap_add setuid, setgid, kill, no_new_privileges, read-only root, user
 * namespace by mode, seccomp default, httpproxy false, image volumes ignored, systemd false,
 * sdnotify ignore, no log, no healthcheck, no restart, entrypoint and command = the guest, user 0,
 * cgroup parent and limits, labels, mounts of guest, drivers, channel and files, size of /work). Variables that
 * say the number of processors are added where the profile has none of that name, and /dev/shm is
 * never larger than memory_bytes. Returns 0 or -ENOMEM. */
int spec_complete(json_object *checked, const SpecSandbox *sandbox, json_object **ret);
