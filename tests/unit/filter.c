/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "basic/cleanup.h"
#include "filter.h"
#include "launcher/seccomp.h"

Filter filter_load(const char *path) {
        _cleanup_free_ char *text = NULL;
        void *program = NULL;
        size_t size = 0;

        if (seccomp_compile(path, &text, &program, &size) < 0)
                fail_msg("%s", text ? text : "no text");
        assert_null(text);
        return (Filter){ program, size / sizeof(struct sock_filter) };
}

void filter_done(Filter *f) {
        free(f->program);
        *f = (Filter){};
}

static bool jumps(const struct sock_filter *i, uint32_t a) {
        switch (BPF_OP(i->code)) {
        case BPF_JEQ:
                return a == i->k;
        case BPF_JGT:
                return a > i->k;
        case BPF_JGE:
                return a >= i->k;
        case BPF_JSET:
                return a & i->k;
        default:
                fail_msg("an unknown jump %#x", i->code);
                return false;
        }
}

/* What the kernel would do with this call: SECCOMP_RET_… */
static uint32_t run(const Filter *f, const struct seccomp_data *data) {
        uint32_t a = 0;

        for (size_t pc = 0; pc < f->n; pc++) {
                const struct sock_filter *i = &f->program[pc];

                switch (BPF_CLASS(i->code)) {
                case BPF_LD:
                        assert_int_equal(i->code, BPF_LD | BPF_W | BPF_ABS);
                        assert_true(i->k + sizeof(a) <= sizeof(*data));
                        memcpy(&a, (const char *)data + i->k, sizeof(a));
                        break;
                case BPF_ALU:
                        assert_int_equal(i->code, BPF_ALU | BPF_AND | BPF_K);
                        a &= i->k;
                        break;
                case BPF_JMP:
                        if (BPF_OP(i->code) == BPF_JA)
                                pc += i->k;
                        else
                                pc += jumps(i, a) ? i->jt : i->jf;
                        break;
                case BPF_RET:
                        return i->k;
                default:
                        fail_msg("an unknown instruction %#x", i->code);
                }
        }
        fail_msg("the program has no end");
        return 0;
}

int filter_judge_number(const Filter *f, uint32_t arch, int nr, const uint64_t args[static 6]) {
        struct seccomp_data data = { .nr = nr, .arch = arch };
        uint32_t r;

        memcpy(data.args, args, sizeof(data.args));
        r = run(f, &data);
        if (r == SECCOMP_RET_KILL_PROCESS)
                return -1;
        if (r == SECCOMP_RET_ALLOW)
                return 0;
        assert_int_equal(r & SECCOMP_RET_ACTION_FULL, SECCOMP_RET_ERRNO);
        return (int)(r & SECCOMP_RET_DATA);
}

int filter_judge(const Filter *f, const char *call, uint64_t a, uint64_t b, uint64_t c) {
        int nr = seccomp_syscall_resolve_name(call);
        const uint64_t args[6] = { a, b, c };

        if (nr < 0) { /* not on this architecture, or too new for this libseccomp */
                assert_int_not_equal(nr, 0);
                return ENOSYS;
        }
        return filter_judge_number(f, seccomp_arch_native(), nr, args);
}
