/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Which profiles there are, asked of the service manager. */

#include <stddef.h>
#include <stdint.h>
#include <systemd/sd-bus.h>

typedef struct ProfileList ProfileList;

/* Called exactly once unless the list is freed before; the list is freed after it returns. error is
 * 0 or -errno; names are sorted and borrowed. */
typedef void (*profile_list_callback_t)(int error, char *const *names, size_t n, void *userdata);

/* Lists units cloche-*.service that are profiles (profile_unit_is_profile()), at most PROFILES_MAX.
 * Each call to the manager may take timeout_usec. Returns 0 or -errno. */
int profile_list_read(sd_bus *bus, uint64_t timeout_usec, profile_list_callback_t callback,
                      void *userdata, ProfileList **ret);
ProfileList *profile_list_free(ProfileList *l);
