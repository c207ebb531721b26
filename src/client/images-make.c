/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Podman's API for Cloche runs containers with no capabilities and no network and never pulls
 * (policy/containers.conf). A build is told otherwise, and gets what `podman build` gives: Podman's own
 * default capabilities, for apt-get and its like to have files of other users, and the host's network.
 * The Containerfile is root's or the user's own, as Podman's socket is.
 *
 * A build has succeeded when its stream ends with the new image's id, without an error in between: a
 * stream that was cut short has none. Of a pull it is the object with the member "id". */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "basic/clock.h"
#include "basic/json.h"
#include "client/amount.h"
#include "client/images-make.h"
#include "client/progress.h"
#include "client/show.h"
#include "client/tar.h"

/* Said, because a step is found in the cache only in the format that was asked for. */
#define OCI                    "application%%2Fvnd.oci.image.manifest.v1%%2Bjson" /* in a format */
#define CONTAINERFILE          "Containerfile"
#define PROFILE_IMAGE          "localhost/cloche-" /* how the name of a profile's image begins */
#define CONTAINERFILE_SIZE_MAX 65536               /* bytes of one that are looked at */
#define CAPABILITIES                                                                       \
        "[\"CHOWN\",\"DAC_OVERRIDE\",\"FOWNER\",\"FSETID\",\"KILL\",\"NET_BIND_SERVICE\"," \
        "\"SETFCAP\",\"SETGID\",\"SETPCAP\",\"SETUID\",\"SYS_CHROOT\"]"

/* The image's name of a profile, as a tag can be: borrowed, or NULL, told. */
static const char *tag_of(json_object *profile) {
        const char *image = show_string_of(profile, "image");

        if (image[0] && !strchr(image, '@'))
                return image;
        if (image[0])
                show_error("the profile %s names its image by a digest, which no other can get: %s",
                           show_string_of(profile, "name"), image);
        else
                show_error("the profile %s cannot be used: %s", show_string_of(profile, "name"),
                           show_string_of(profile, "problem"));
        return NULL;
}

static int tell_made(const Images *i, const char *verb, const char *image, const char *profile,
                     uint64_t begin) {
        _cleanup_json_ json_object *object = NULL;
        _cleanup_free_ char *words = NULL;
        char size[AMOUNT_SIZE], time[AMOUNT_SIZE];
        int r = images_inspect(i, image, &object, &words);

        if (r != 200) {
                podman_show_failure(&i->podman, r, words);
                return r < 0 ? r : -EREMOTEIO;
        }
        (void)printf("%s %s%s%s (%s, %s, in %s)\n", verb, image, profile ? " for the profile " : "",
                     profile ? profile : "", show_string_of(object, "Digest"),
                     amount_format_size(size, show_number_of(object, "Size")),
                     amount_format_duration(time, clock_now_usec() - begin));
        return show_done();
}

/* -- build ----------------------------------------------------------------------------------- */

/* { "BASE": base }, quoted; "" without one. NULL without memory. */
static char *quote_arguments(const char *base) {
        _cleanup_json_ json_object *arguments = NULL;

        if (!base)
                return strdup("");
        arguments = json_object_new_object();
        if (!arguments || json_set_string(arguments, "BASE", base) < 0)
                return NULL;
        return podman_quote(json_object_to_json_string_ext(arguments, JSON_C_TO_STRING_PLAIN));
}

static char *format_target(const ImagesBuild *options, const char *image) {
        _cleanup_free_ char *tag = podman_quote(image), *arguments = quote_arguments(options->base);
        _cleanup_free_ char *capabilities = podman_quote(CAPABILITIES);
        char *target = NULL;

        if (!tag || !arguments || !capabilities ||
            asprintf(&target,
                     "/build?dockerfile=" CONTAINERFILE "&t=%s&layers=true&rm=true&forcerm=true"
                     "&outputformat=" OCI
                     "&networkmode=host&addcaps=%s&pullpolicy=%s&nocache=%s%s%s",
                     tag, capabilities, options->pull ? "always" : "missing",
                     options->no_cache ? "true" : "false", arguments[0] ? "&buildargs=" : "",
                     arguments) < 0)
                return NULL;
        return target;
}

static int take_progress(json_object *object, void *userdata) {
        return progress_take(userdata, object);
}

static bool is_id(const char *text) {
        return text && strlen(text) == 64 && strspn(text, "0123456789abcdef") == 64;
}

static void tell_build(const Images *i, const Progress *p, int result, const char *words) {
        if (p->error && p->n_steps > 0)
                show_error("the build for the profile %s failed at step %u of %u (%s):\n    %s",
                           p->name, p->step, p->n_steps, p->what, p->error);
        else if (p->error)
                show_error("the build for the profile %s failed: %s", p->name, p->error);
        else if (result >= 0 && result < 400)
                show_error("the build for the profile %s did not come to its end\n"
                           "    what happened: %s --unit cloche-podman",
                           p->name,
                           i->podman.mode == ADDRESS_USER ? "journalctl --user" : "journalctl");
        else
                podman_show_failure(&i->podman, result, words);
}

static int build_archive(const Images *i, const ImagesBuild *options, json_object *profile,
                         const char *image, const Buffer *archive) {
        _cleanup_free_ char *target = format_target(options, image), *words = NULL;
        const char *name = show_string_of(profile, "name");
        _cleanup_progress_ Progress p;
        uint64_t begin = clock_now_usec();
        bool has_failed;
        int r;

        progress_init(&p, name);
        if (!target) {
                show_error("out of memory");
                return -ENOMEM;
        }
        r = podman_call(&i->podman,
                        &(const PodmanCall){ .method = "POST",
                                             .target = target,
                                             .archive = buffer_data(archive),
                                             .size = archive->size,
                                             .on_object = take_progress,
                                             .userdata = &p },
                        &words);
        has_failed = r != 200 || p.error || !is_id(p.last);
        progress_end(&p, has_failed);
        if (!has_failed)
                return tell_made(i, "built", image, name, begin);
        tell_build(i, &p, r, words);
        return r < 0 ? r : -EREMOTEIO;
}

static int pack(int fd, const char *path, Buffer *archive) {
        _cleanup_free_ char *which = NULL;
        int r = tar_pack(fd, archive, &which);

        if (r < 0)
                show_error("cannot send %s/%s: %s", path, which ? which : "",
                           r == -ELOOP   ? "it is neither a file nor a directory"
                           : r == -EFBIG ? "that makes too much for one build"
                           : r == -EIO   ? "it changed meanwhile"
                                         : strerror(-r));
        return r;
}

/* Whether a profile can be built. Returns its open folder, -ENOENT, or another -errno, told. */
static int open_buildable(const Images *i, const char *name, char **ret_path) {
        _cleanup_free_ char *path = NULL;
        _cleanup_close_ int fd = images_open_context(i, name, &path);

        if (fd < 0)
                return fd;
        if (faccessat(fd, CONTAINERFILE, R_OK, 0) < 0)
                return -ENOENT;
        *ret_path = TAKE_PTR(path);
        return TAKE_FD(fd);
}

/* The folder's descriptor is consumed. */
static int build(const Images *i, const ImagesBuild *options, json_object *profile,
                 int directory_fd, const char *path) {
        _cleanup_close_ int fd = directory_fd;
        _cleanup_(buffer_done) Buffer archive = { 0 };
        const char *image = tag_of(profile);
        int r;

        if (!image)
                return -EINVAL;
        r = pack(fd, path, &archive);
        return r < 0 ? r : build_archive(i, options, profile, image, &archive);
}

static int build_named(const Images *i, const ImagesBuild *options, const char *name) {
        json_object *profile = images_find(i, name);
        _cleanup_free_ char *path = NULL;
        int fd;

        if (!profile)
                return -ENOENT;
        fd = open_buildable(i, name, &path);
        if (fd == -ENOENT)
                show_error("there is no %s/%s/" CONTAINERFILE
                           ", so the image of %s is not built here; "
                           "--contexts says where else to look",
                           i->contexts, name, name);
        return fd < 0 ? fd : build(i, options, profile, fd, path);
}

/* Whether a Containerfile names another profile's image to build on, as images/browser does. */
static bool is_built_on_another(int directory_fd) {
        _cleanup_close_ int fd = openat(directory_fd, CONTAINERFILE, O_RDONLY | O_CLOEXEC);
        char text[CONTAINERFILE_SIZE_MAX];
        ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text));

        return n > 0 && memmem(text, (size_t)n, PROFILE_IMAGE, strlen(PROFILE_IMAGE));
}

/* Those of the first round stand alone, those of the second are built on one of the first. */
static int build_round(const Images *i, const ImagesBuild *options, bool is_second, size_t *n) {
        int r = 0;

        for (size_t k = 0; r >= 0 && k < json_object_array_length(i->profiles); k++) {
                json_object *profile = json_object_array_get_idx(i->profiles, k);
                _cleanup_free_ char *path = NULL;
                _cleanup_close_ int fd = open_buildable(i, show_string_of(profile, "name"), &path);

                if (fd == -ENOENT) /* somebody else's image */
                        continue;
                if (fd >= 0 && is_built_on_another(fd) != is_second)
                        continue;
                (*n)++;
                r = fd < 0 ? fd : build(i, options, profile, TAKE_FD(fd), path);
        }
        return r;
}

static int build_all(const Images *i, const ImagesBuild *options) {
        size_t n = 0;
        int r;

        r = build_round(i, options, /* is_second= */ false, &n);
        if (r >= 0)
                r = build_round(i, options, /* is_second= */ true, &n);
        if (r < 0 || n > 0)
                return r;
        show_error("no profile has a folder with a " CONTAINERFILE " in %s", i->contexts);
        return -ENOENT;
}

int images_build(const Images *i, const ImagesBuild *options, char *const *names, size_t n) {
        int r = 0;

        if (n == 0)
                return build_all(i, options);
        for (size_t k = 0; r >= 0 && k < n; k++)
                r = build_named(i, options, names[k]);
        return r;
}

/* -- pull ------------------------------------------------------------------------------------ */

typedef struct Pull {
        Progress progress;
        bool is_there;
} Pull;

static int take_pulled(json_object *object, void *userdata) {
        Pull *p = userdata;

        p->is_there = p->is_there || show_string_of(object, "id")[0];
        return progress_take(&p->progress, object);
}

static int pull(const Images *i, const char *image) {
        _cleanup_free_ char *quoted = podman_quote(image), *target = NULL, *words = NULL;
        Pull p = { 0 };
        bool has_failed;
        int r;

        if (!quoted || asprintf(&target, "/images/pull?reference=%s&policy=always", quoted) < 0) {
                target = NULL;
                show_error("out of memory");
                return -ENOMEM;
        }
        progress_init(&p.progress, image);
        r = podman_call(&i->podman,
                        &(const PodmanCall){ .method = "POST",
                                             .target = target,
                                             .on_object = take_pulled,
                                             .userdata = &p },
                        &words);
        has_failed = r != 200 || p.progress.error || !p.is_there;
        progress_end(&p.progress, has_failed);
        if (has_failed && p.progress.error)
                show_error("%s was not pulled: %s", image, p.progress.error);
        else if (has_failed && r == 200)
                show_error("%s was not pulled: Podman's answer ended before it was there", image);
        else if (has_failed)
                podman_show_failure(&i->podman, r, words);
        progress_done(&p.progress);
        return !has_failed ? 0 : r < 0 ? r : -EREMOTEIO;
}

/* Gives an image another name, repo[:tag]. */
static int tag(const Images *i, const char *image, const char *name) {
        const char *slash = strrchr(name, '/'), *colon = strchr(slash ? slash : name, ':');
        _cleanup_free_ char *repo = colon ? strndup(name, (size_t)(colon - name)) : strdup(name);
        _cleanup_free_ char *quoted = podman_quote(image), *quoted_repo = NULL, *quoted_tag = NULL;
        _cleanup_free_ char *target = NULL, *words = NULL;
        int r;

        quoted_repo = repo ? podman_quote(repo) : NULL;
        quoted_tag = podman_quote(colon ? colon + 1 : "latest");
        if (!quoted || !quoted_repo || !quoted_tag ||
            asprintf(&target, "/images/%s/tag?repo=%s&tag=%s", quoted, quoted_repo, quoted_tag) <
                    0) {
                target = NULL;
                show_error("out of memory");
                return -ENOMEM;
        }
        r = podman_call(&i->podman, &(const PodmanCall){ .method = "POST", .target = target },
                        &words);
        if (r == 201)
                return 0;
        podman_show_failure(&i->podman, r, words);
        return r < 0 ? r : -EREMOTEIO;
}

static int pull_for(const Images *i, const char *image, const char *name) {
        json_object *profile = images_find(i, name);
        const char *wanted = profile ? tag_of(profile) : NULL;
        uint64_t begin = clock_now_usec();
        int r;

        if (!wanted)
                return -ENOENT;
        r = image ? tag(i, image, wanted) : pull(i, wanted);
        return r < 0 ? r : tell_made(i, image ? "tagged" : "pulled", wanted, name, begin);
}

int images_pull(const Images *i, const char *image, char *const *names, size_t n) {
        uint64_t begin = clock_now_usec();
        int r = 0;

        if (image) {
                r = pull(i, image);
                if (r >= 0)
                        r = tell_made(i, "pulled", image, NULL, begin);
        }
        for (size_t k = 0; r >= 0 && k < n; k++)
                r = pull_for(i, image, names[k]);
        return r;
}
