/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Nobody gets a right here that he did not have: the list is what profile.list tells everybody who may
 * connect, and Podman's socket is opened with the rights of whoever runs the command. */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "basic/json.h"
#include "client/call.h"
#include "client/images.h"
#include "client/landing.h"
#include "client/session.h"
#include "client/show.h"

void images_done(Images *i) {
        podman_done(&i->podman);
        cleanup_json(&i->answer);
        *i = (Images){ 0 };
}

int images_init(Images *i, const Address *address, const char *contexts) {
        int r;

        *i = (Images){ .address = address, .contexts = contexts ? contexts : IMAGESDIR };
        r = podman_find(address, &i->podman);
        if (r < 0) {
                show_error("out of memory");
                return r;
        }
        r = session_ask(address, "profile.list", &i->answer);
        if (r < 0)
                return r;
        if (!json_object_object_get_ex(i->answer, "profiles", &i->profiles) ||
            !json_object_is_type(i->profiles, json_type_array)) {
                call_show_lost(address, -EBADMSG, /* answered= */ true);
                return -EBADMSG;
        }
        return 0;
}

json_object *images_find(const Images *i, const char *profile) {
        for (size_t k = 0; k < json_object_array_length(i->profiles); k++) {
                json_object *p = json_object_array_get_idx(i->profiles, k);

                if (strcmp(show_string_of(p, "name"), profile) == 0)
                        return p;
        }
        show_error("there is no profile %s; \"cloche profiles\" lists them", profile);
        return NULL;
}

int images_open_context(const Images *i, const char *profile, char **ret_path) {
        _cleanup_free_ char *path = NULL;
        int fd;

        if (!landing_name_is_good(profile))
                return -ENOENT;
        if (asprintf(&path, "%s/%s", i->contexts, profile) < 0) {
                path = NULL;
                show_error("out of memory");
                return -ENOMEM;
        }
        fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0) {
                int error = errno;

                if (error != ENOENT)
                        show_error("cannot use the directory %s: %s", path, strerror(error));
                return -error;
        }
        *ret_path = TAKE_PTR(path);
        return fd;
}

static int take(json_object *object, void *userdata) {
        json_object **ret = userdata;

        (void)json_object_put(*ret);
        *ret = json_object_get(object);
        return 0;
}

int images_inspect(const Images *i, const char *image, json_object **ret, char **reterr) {
        _cleanup_free_ char *quoted = podman_quote(image), *target = NULL;
        _cleanup_json_ json_object *object = NULL;
        int r;

        if (!quoted || asprintf(&target, "/images/%s/json", quoted) < 0) {
                target = NULL;
                return -ENOMEM;
        }
        r = podman_call(
                &i->podman,
                &(const PodmanCall){
                        .method = "GET", .target = target, .on_object = take, .userdata = &object },
                reterr);
        if (r == 200 && !object)
                return -EBADMSG;
        if (r == 200)
                *ret = TAKE_PTR(object);
        return r;
}
