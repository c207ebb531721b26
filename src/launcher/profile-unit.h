/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A profile's unit as the service manager has it loaded: what Podman's Quadlet generator made of
 * the .container file, with drop-ins merged, quotes undone and specifiers resolved by systemd
 * itself. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <systemd/sd-bus.h>

/* Where the unit does not say, a number is UINT64_MAX. */
typedef struct ProfileUnit {
        char *load_state;  /* "loaded", "not-found", "bad-setting", "error", "masked" */
        char *source_path; /* the Quadlet file, "" when unknown */
        char *description;
        char **argv; /* of its one ExecStart=, NULL-terminated; NULL when it has another number */
        size_t n_argv;
        uint64_t memory_max; /* bytes */
        uint64_t tasks_max;
        uint64_t cpu_quota_usec; /* processor time in one second */
        bool need_reload;        /* its file is newer than what the manager has loaded */
} ProfileUnit;

typedef struct ProfileUnitRequest ProfileUnitRequest;

/* Called exactly once unless the request is freed before; the request is freed after it returns.
 * error is 0 or -errno; unit is borrowed, its load_state says whether there is one at all. */
typedef void (*profile_unit_callback_t)(int error, const ProfileUnit *unit, void *userdata);

/* Reads cloche-<name>.service. Each of the two calls may take timeout_usec. Returns 0 or -errno. */
int profile_unit_read(sd_bus *bus, const char *name, uint64_t timeout_usec,
                      profile_unit_callback_t callback, void *userdata, ProfileUnitRequest **ret);
ProfileUnitRequest *profile_unit_request_free(ProfileUnitRequest *r);

/* Whether its command is podman's and it carries labels of ours: cloche-launcher.service has
 * neither. */
bool profile_unit_is_profile(const ProfileUnit *unit);

/* What a started unit would still do to the words, done: "$$" becomes "$". In place. Returns 0, or
 * -EINVAL when a word has another "$" in it, which only the environment of a started unit resolves
 * (*ret_word is it), or global options stand before "run" (*ret_word is the first). Pure. */
int profile_unit_prepare_argv(char **argv, const char **ret_word);
