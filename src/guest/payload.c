/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The memfd is sealed, so what was checked here cannot change before it is used, and it is mapped
 * rather than read: the guest's memory does not grow with what it is sent. Sizes come from the
 * frame, which the wire layer has held to the limits, and must be exact to the byte: a string block
 * that ends early or late means that the sender counted differently, and nothing of it is used. */

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "basic/cleanup.h"
#include "guest/payload.h"

#define SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

/* Points array[0…n-1] at n strings from *p on. False when they do not fit before end. */
static bool take_strings(char **p, const char *end, char **array, size_t n) {
        for (size_t i = 0; i < n; i++) {
                char *nul = memchr(*p, 0, (size_t)(end - *p));

                if (!nul)
                        return false;
                array[i] = *p;
                *p = nul + 1;
        }
        return true;
}

int payload_split(char *strings, size_t size, const GuestStart *start, Payload *ret) {
        _cleanup_free_ char **argv = calloc((size_t)start->n_argv + 1, sizeof(char *));
        _cleanup_free_ char **env = calloc((size_t)start->n_env + 1, sizeof(char *));
        char *p = strings, *end = strings + size, *cwd = NULL;

        if (!argv || !env)
                return -ENOMEM;
        if (!take_strings(&p, end, argv, start->n_argv) ||
            !take_strings(&p, end, env, start->n_env) ||
            !take_strings(&p, end, &cwd, start->has_cwd) || p != end)
                return -EBADMSG;
        for (size_t i = 0; i < start->n_env; i++)
                if (env[i][0] == '=' || !strchr(env[i], '='))
                        return -EBADMSG;

        ret->argv = TAKE_PTR(argv);
        ret->env = TAKE_PTR(env);
        ret->cwd = cwd;
        return 0;
}

/* Returns 0, -EBADMSG when fd is not sealed or not of that size, or -errno. */
static int map(int fd, size_t size, Payload *p) {
        struct stat st;
        int seals;
        void *m;

        if (fstat(fd, &st) < 0)
                return -errno;
        seals = fcntl(fd, F_GET_SEALS);
        if (seals < 0 || (seals & SEALS) != SEALS || st.st_size != (off_t)size)
                return -EBADMSG;
        if (size == 0)
                return 0;
        m = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (m == MAP_FAILED)
                return -errno;
        p->map = m;
        p->map_size = size;
        return 0;
}

int payload_load_code(int fd, size_t size, Payload *ret) {
        Payload p = {};
        int r;

        r = map(fd, size, &p);
        if (r < 0)
                return r;
        p.code = p.map;
        p.code_size = size;
        *ret = p;
        return 0;
}

int payload_load(int fd, const GuestStart *start, Payload *ret) {
        size_t size = (size_t)start->strings_size + start->code_size;
        Payload p = {};
        int r;

        r = size > 0 ? map(fd, size, &p) : -EBADMSG;
        if (r < 0)
                return r;
        p.code = (const char *)p.map + start->strings_size;
        p.code_size = start->code_size;
        r = payload_split(p.map, start->strings_size, start, &p);
        if (r < 0) {
                payload_done(&p);
                return r;
        }

        *ret = p;
        return 0;
}

void payload_done(Payload *p) {
        if (p->map)
                (void)munmap(p->map, p->map_size);
        free(p->argv);
        free(p->env);
        *p = (Payload){};
}

static size_t count(char **strings) {
        size_t n = 0;

        while (strings[n])
                n++;
        return n;
}

/* Whether any of these variables has the name of this one. */
static bool has_name(char **env, const char *variable) {
        size_t n = strcspn(variable, "=");

        for (; *env; env++)
                if (strncmp(*env, variable, n) == 0 && (*env)[n] == '=')
                        return true;
        return false;
}

char **payload_merge_env(char **base, char **env) {
        char **merged = calloc(count(base) + count(env) + 1, sizeof(char *));
        size_t n = 0;

        if (!merged)
                return NULL;
        for (; *base; base++)
                if (!has_name(env, *base))
                        merged[n++] = *base;
        for (; *env; env++)
                if (!has_name(env + 1, *env))
                        merged[n++] = *env;
        return merged;
}
