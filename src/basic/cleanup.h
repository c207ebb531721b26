/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Ownership of locals, said where they are declared. A local that owns something carries one of
 * these attributes and is initialised; giving it away goes through TAKE_PTR or TAKE_FD, so that a
 * reader can see on each return path who holds what. Used by every program, the guest included,
 * so nothing but libc appears here. */

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#define _cleanup_(f)      __attribute__((cleanup(f)))
#define _printf_(fmt, va) __attribute__((format(printf, fmt, va)))
#define _unused_          __attribute__((unused))

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

/* Hands over what a variable owns and leaves it empty. */
#define TAKE_GENERIC(var, empty)                    \
        ({                                          \
                __typeof__(var) *_take_p = &(var);  \
                __typeof__(var) _take_v = *_take_p; \
                *_take_p = (empty);                 \
                _take_v;                            \
        })
#define TAKE_PTR(p) TAKE_GENERIC(p, NULL)
#define TAKE_FD(fd) TAKE_GENERIC(fd, -EBADF)

/* Closes fd if it is one, keeps errno, returns -EBADF: "fd = close_fd(fd);". */
static inline int close_fd(int fd) {
        if (fd >= 0) {
                int saved = errno;

                (void)close(fd);
                errno = saved;
        }
        return -EBADF;
}

static inline void cleanup_free(void *p) {
        free(*(void **)p);
}
#define _cleanup_free_ _cleanup_(cleanup_free)

static inline void cleanup_close(int *fd) {
        *fd = close_fd(*fd);
}
#define _cleanup_close_ _cleanup_(cleanup_close)

/* Defines the function that _cleanup_(NAMEp) calls for "T *" freed by func(T *). */
#define DEFINE_CLEANUP(T, func)             \
        static inline void func##p(T **p) { \
                if (*p)                     \
                        func(*p);           \
        }
