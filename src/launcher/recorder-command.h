/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A generated unit's command line, as Podman's client is asked to turn it into JSON. Pure. */

/* "/usr/bin/podman run … IMAGE" becomes "/usr/bin/podman --remote --url unix://SOCKET create …
 * IMAGE" without the options that only mean something to a running unit: -d, --rm, --replace,
 * --cidfile,
 * --sdnotify, and --cgroups=split, which is Quadlet's own. A word that is one of these is left out
 * wherever it stands; were it some option's value, the JSON is another one, and is checked like
 * any. *ret is one allocation, NULL at its end, whose words are borrowed from argv and from url
 * ("unix://…"). Returns 0, -EINVAL when argv is not "/…/podman run …", or -ENOMEM. */
int recorder_command_new(const char *const *argv, const char *url, const char ***ret);
