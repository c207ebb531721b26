/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Where Podman stores layers, containers/storage's "graph root", kept for cloche-podman-mend: the link
 * GRAPH_ROOT_NAME in the launcher's runtime directory leads there. */

#include <json-c/json.h>

#define GRAPH_ROOT_NAME "graph-root"

/* The graph root as Podman's description of an image (GET images/…/json) tells it, or NULL when it
 * does not: another storage driver than overlay. The caller frees it. Pure. */
char *graph_root_of_image(json_object *image);

/* Makes the link, or another of it, at once. Returns 0, -ENOENT when the image does not tell, or
 * -errno. */
int graph_root_note(const char *runtime_dir, json_object *image);
