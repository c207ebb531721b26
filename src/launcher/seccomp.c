/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* From rows to BPF, by libseccomp. What can go wrong with such filters, and how it is met here:
 *
 * A filter has one architecture, the machine's own. Calls by another door (int 0x80 on x86_64, x32)
 * carry the same numbers with other meanings; they kill the process.
 *
 * The list is for named architectures only, because arguments are compared by position and clone's
 * stand in another order on some.
 *
 * libseccomp joins rules for one call in ways that depend on their order and drops a conditional
 * rule beside an unconditional one. So contradictions never reach it: a call has either any number
 * of conditional rows or exactly one other row.
 *
 * Rules are added exactly as written; libseccomp's own rewriting of multiplexed calls is not
 * wanted. It refuses a rule whose action is the default's; such a row only says what holds anyway.
 *
 * The build must not search this folder for <seccomp.h> (implicit_include_directories: false). */

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <seccomp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "basic/cleanup.h"
#include "basic/fd.h"
#include "launcher/seccomp-list.h"
#include "launcher/seccomp.h"

#define API_LEVEL     3            /* see seccomp_api_get(3) */
#define LIST_SIZE_MAX (256 * 1024) /* bytes of a list; far more than there are system calls */

typedef struct Compiler {
        const char *path;
        char **reterr_text;
        SeccompList list;
        scmp_filter_ctx context;
} Compiler;

/* line 0 for what has none. Returns error. */
_printf_(4, 5) static int fail(const Compiler *c, int error, unsigned line, const char *format,
                               ...) {
        _cleanup_free_ char *text = NULL;
        va_list ap;
        int n;

        va_start(ap, format);
        n = vasprintf(&text, format, ap);
        va_end(ap);
        if (n < 0) {
                text = NULL;
                return -ENOMEM;
        }
        n = line > 0 ? asprintf(c->reterr_text, "%s:%u: %s", c->path, line, text)
                     : asprintf(c->reterr_text, "%s: %s", c->path, text);
        if (n < 0)
                *c->reterr_text = NULL;
        return error;
}

static int read_list(const char *path, char **ret) {
        _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
        _cleanup_free_ char *text = NULL;
        size_t size;
        int r;

        if (fd < 0)
                return -errno;
        r = fd_read_all(fd, LIST_SIZE_MAX, &text, &size);
        if (r < 0)
                return r;
        if (memchr(text, 0, size))
                return -EILSEQ;
        *ret = TAKE_PTR(text);
        return 0;
}

static int check_arch(const Compiler *c) {
        for (size_t i = 0; i < c->list.n_arches; i++)
                if (seccomp_arch_resolve_name(c->list.arches[i]) == seccomp_arch_native())
                        return 0;
        return fail(c, -EOPNOTSUPP, 0, "the list was not written for this machine's architecture");
}

/* What an earlier row said of the same call, if the two cannot both hold. */
static int check_rows_agree(const Compiler *c, size_t i) {
        const SeccompRow *row = &c->list.rows[i];

        for (size_t j = 0; j < i; j++) {
                const SeccompRow *before = &c->list.rows[j];

                if (strcmp(before->call, row->call) == 0 &&
                    (before->n_conditions == 0 || row->n_conditions == 0))
                        return fail(c, -EINVAL, row->line, "'%s' was already decided in line %u",
                                    row->call, before->line);
        }
        return 0;
}

/* One rule for each combination of the conditions' values, counted like an odometer. */
static int add_allow(const Compiler *c, const SeccompRow *row, int nr) {
        size_t turn[SECCOMP_ARGUMENTS_MAX] = {};
        struct scmp_arg_cmp args[SECCOMP_ARGUMENTS_MAX];
        size_t i;
        int r;

        do {
                for (i = 0; i < row->n_conditions; i++)
                        args[i] = SCMP_CMP64(row->conditions[i].argument, SCMP_CMP_MASKED_EQ,
                                             row->conditions[i].mask,
                                             row->conditions[i].values[turn[i]]);
                r = seccomp_rule_add_exact_array(c->context, SCMP_ACT_ALLOW, nr,
                                                 (unsigned)row->n_conditions, args);
                if (r < 0 && r != -EEXIST) /* the same rule twice does no harm */
                        return fail(c, r, row->line, "libseccomp refuses '%s': %s", row->call,
                                    strerror(-r));
                for (i = 0; i < row->n_conditions; i++) {
                        if (++turn[i] < row->conditions[i].n_values)
                                break;
                        turn[i] = 0;
                }
        } while (i < row->n_conditions);
        return 0;
}

static int add_row(const Compiler *c, const SeccompRow *row) {
        int nr = seccomp_syscall_resolve_name(row->call), r;

        if (nr == __NR_SCMP_ERROR)
                return row->is_optional
                               ? 0
                               : fail(c, -EINVAL, row->line,
                                      "unknown system call '%s' ('%s?' if it may be too new)",
                                      row->call, row->call);
        if (nr < 0) /* of other architectures only */
                return 0;
        if (row->error == 0)
                return add_allow(c, row, nr);
        if (row->error == c->list.default_error)
                return 0;
        r = seccomp_rule_add_exact_array(c->context, SCMP_ACT_ERRNO((unsigned)row->error), nr, 0,
                                         NULL);
        return r < 0 ? fail(c, r, row->line, "libseccomp refuses '%s': %s", row->call, strerror(-r))
                     : 0;
}

/* libseccomp only writes to descriptors; the program is read back from one. */
static int export(const Compiler *c, void **ret_program, size_t *ret_size) {
        _cleanup_close_ int fd = memfd_create("seccomp", MFD_CLOEXEC);
        _cleanup_free_ void *program = NULL;
        struct stat st;
        int r;

        if (fd < 0)
                return -errno;
        r = seccomp_export_bpf(c->context, fd);
        if (r < 0)
                return r;
        if (fstat(fd, &st) < 0)
                return -errno;
        if (st.st_size / (off_t)sizeof(struct sock_filter) > BPF_MAXINSNS)
                return -E2BIG;
        program = malloc((size_t)st.st_size);
        if (!program)
                return -ENOMEM;
        if (pread(fd, program, (size_t)st.st_size, 0) != st.st_size)
                return -EIO;
        *ret_program = TAKE_PTR(program);
        *ret_size = (size_t)st.st_size;
        return 0;
}

static int compile_rows(Compiler *c, void **ret_program, size_t *ret_size) {
        int r;

        r = check_arch(c);
        if (r < 0)
                return r;
        /* the level that has KILL_PROCESS, which no kernel with cgroup.kill lacks; libseccomp would
         * otherwise try out the kernel it runs on */
        (void)seccomp_api_set(API_LEVEL);
        c->context = seccomp_init(SCMP_ACT_ERRNO((unsigned)c->list.default_error));
        if (!c->context)
                return -ENOMEM;
        r = seccomp_attr_set(c->context, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
        if (r < 0)
                return fail(c, r, 0, "libseccomp cannot kill on a foreign architecture");

        for (size_t i = 0; i < c->list.n_rows; i++) {
                r = check_rows_agree(c, i);
                if (r < 0)
                        return r;
                r = add_row(c, &c->list.rows[i]);
                if (r < 0)
                        return r;
        }
        r = export(c, ret_program, ret_size);
        return r < 0 ? fail(c, r, 0, "cannot be compiled: %s", strerror(-r)) : 0;
}

int seccomp_compile(const char *path, char **reterr_text, void **ret_program, size_t *ret_size) {
        Compiler c = { .path = path, .reterr_text = reterr_text };
        char problem[SECCOMP_LIST_TEXT_SIZE];
        _cleanup_free_ char *text = NULL;
        unsigned line;
        int r;

        *reterr_text = NULL;
        r = read_list(path, &text);
        if (r < 0)
                return fail(&c, r, 0, "cannot be read: %s", strerror(-r));
        r = seccomp_list_parse(text, &c.list, &line, problem);
        if (r < 0)
                return r == -EINVAL ? fail(&c, r, line, "%s", problem) : r;

        r = compile_rows(&c, ret_program, ret_size);
        if (c.context)
                seccomp_release(c.context);
        seccomp_list_done(&c.list);
        return r;
}
