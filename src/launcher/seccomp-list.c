/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The grammar is words between white space, one statement a line, so the parser is one pass over a
 * copy of each line. It is strict because the file decides what a stranger's code may ask of the
 * kernel: what is not understood in full is an error with its line, never skipped. The file is an
 * administrator's and trusted, but may hold mistakes; all text quoted in problems is from it. */

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "basic/cleanup.h"
#include "launcher/seccomp-list.h"

#define SPACE " \t\r"

typedef struct Parser {
        SeccompList list;
        size_t n_allocated;
        unsigned line;
        char *words; /* what is left of the line */
        char *problem;
} Parser;

_printf_(2, 3) static int fail(Parser *p, const char *format, ...) {
        va_list ap;

        va_start(ap, format);
        (void)vsnprintf(p->problem, SECCOMP_LIST_TEXT_SIZE, format, ap);
        va_end(ap);
        return -EINVAL;
}

/* NULL at the end of the line. */
static char *next_word(Parser *p) {
        char *word;

        p->words += strspn(p->words, SPACE);
        if (!*p->words)
                return NULL;
        word = p->words;
        p->words += strcspn(p->words, SPACE);
        if (*p->words)
                *p->words++ = 0;
        return word;
}

/* 0 for an unknown name: no call succeeds because it is denied. */
static int parse_errno(const char *name) {
        for (int e = 1; name && e < 4096; e++) {
                const char *s = strerrorname_np(e);

                if (s && strcmp(s, name) == 0)
                        return e;
        }
        return 0;
}

static bool parse_number(const char *s, uint64_t *ret) {
        bool hex = s[0] == '0' && s[1] == 'x';
        const char *digits = hex ? s + 2 : s;
        char *end;

        if (!*digits ||
            strspn(digits, hex ? "0123456789abcdefABCDEF" : "0123456789") != strlen(digits))
                return false;
        errno = 0;
        *ret = strtoull(digits, &end, hex ? 16 : 10);
        return errno == 0 && !*end;
}

static int parse_values(Parser *p, char *word, SeccompCondition *c) {
        char *value, *rest = word;

        while ((value = strsep(&rest, "|"))) {
                if (c->n_values == SECCOMP_VALUES_MAX)
                        return fail(p, "more than %d values for one argument", SECCOMP_VALUES_MAX);
                if (!parse_number(value, &c->values[c->n_values]))
                        return fail(p, "'%.40s' is not a number", value);
                if (c->values[c->n_values] & ~c->mask)
                        return fail(p, "%.40s has bits outside the mask and would never match",
                                    value);
                c->n_values++;
        }
        return 0;
}

static int parse_condition(Parser *p, SeccompRow *row) {
        SeccompCondition c = { .mask = UINT64_MAX };
        const char *argument = next_word(p), *comparison = next_word(p);
        char *values;

        if (!argument || strncmp(argument, "arg", 3) != 0 || argument[3] < '0' ||
            argument[3] > '5' || argument[4])
                return fail(p, "expected arg0 to arg5, not '%.40s'", argument ? argument : "");
        c.argument = (unsigned)(argument[3] - '0');
        for (size_t i = 0; i < row->n_conditions; i++)
                if (row->conditions[i].argument == c.argument)
                        return fail(p, "arg%u is compared twice in one row", c.argument);

        if (comparison && strcmp(comparison, "&") == 0) {
                const char *mask = next_word(p);

                if (!mask || !parse_number(mask, &c.mask))
                        return fail(p, "'%.40s' is not a mask", mask ? mask : "");
                comparison = next_word(p);
        }
        if (!comparison || strcmp(comparison, "==") != 0)
                return fail(p, "expected '==', not '%.40s': only equality can be trusted",
                            comparison ? comparison : "");
        values = next_word(p);
        if (!values)
                return fail(p, "no value after '=='");
        row->conditions[row->n_conditions] = c;
        return parse_values(p, values, &row->conditions[row->n_conditions++]);
}

static int parse_conditions(Parser *p, SeccompRow *row) {
        const char *word;
        int r;

        do {
                r = parse_condition(p, row);
                if (r < 0)
                        return r;
                word = next_word(p);
        } while (word && strcmp(word, "and") == 0);
        return word ? fail(p, "expected 'and' or the end of the line, not '%.40s'", word) : 0;
}

static int add_row(Parser *p, char *word, int error, SeccompRow **ret) {
        size_t n = strlen(word);
        bool is_optional = word[n - 1] == '?';
        SeccompRow *row;

        if (is_optional)
                word[--n] = 0;
        if (n == 0 || n >= SECCOMP_CALL_SIZE ||
            strspn(word, "abcdefghijklmnopqrstuvwxyz0123456789_") != n)
                return fail(p, "'%.40s' cannot be the name of a system call", word);

        if (p->list.n_rows == p->n_allocated) {
                size_t n_new = p->n_allocated ? 2 * p->n_allocated : 64;
                SeccompRow *rows = reallocarray(p->list.rows, n_new, sizeof(*rows));

                if (!rows)
                        return -ENOMEM;
                p->list.rows = rows;
                p->n_allocated = n_new;
        }
        row = &p->list.rows[p->list.n_rows++];
        *row = (SeccompRow){ .line = p->line, .error = error, .is_optional = is_optional };
        memcpy(row->call, word, n + 1);
        *ret = row;
        return 0;
}

static int parse_calls(Parser *p, int error) {
        SeccompRow *row = NULL;
        size_t n = 0;
        char *word;
        int r;

        while ((word = next_word(p))) {
                if (strcmp(word, "if") == 0) {
                        if (error != 0)
                                return fail(p, "only 'allow' takes conditions");
                        if (n != 1)
                                return fail(p, "conditions belong to exactly one system call");
                        return parse_conditions(p, row);
                }
                r = add_row(p, word, error, &row);
                if (r < 0)
                        return r;
                n++;
        }
        return n > 0 ? 0 : fail(p, "no system call named");
}

static int parse_default(Parser *p) {
        const char *word = next_word(p);

        if (p->list.default_error != 0)
                return fail(p, "a second default");
        p->list.default_error = parse_errno(word);
        if (p->list.default_error == 0 || next_word(p))
                return fail(p, "default takes one errno name, such as ENOSYS");
        return 0;
}

static int parse_arches(Parser *p) {
        const char *word;

        while ((word = next_word(p))) {
                if (p->list.n_arches == SECCOMP_ARCHES_MAX || strlen(word) >= SECCOMP_CALL_SIZE)
                        return fail(p, "too many architectures, or too long a name");
                memcpy(p->list.arches[p->list.n_arches++], word, strlen(word) + 1);
        }
        return 0;
}

static int parse_line(Parser *p) {
        const char *word = next_word(p);

        if (!word)
                return 0;
        if (strcmp(word, "arch") == 0)
                return parse_arches(p);
        if (strcmp(word, "default") == 0)
                return parse_default(p);
        if (strcmp(word, "allow") == 0)
                return parse_calls(p, 0);
        if (strcmp(word, "deny") == 0) {
                const char *name = next_word(p);
                int error = parse_errno(name);

                if (error == 0)
                        return fail(p, "deny needs an errno name first, not '%.40s'",
                                    name ? name : "");
                return parse_calls(p, error);
        }
        return fail(p, "expected arch, default, allow or deny, not '%.40s'", word);
}

int seccomp_list_parse(const char *text, SeccompList *ret, unsigned *reterr_line,
                       char reterr_problem[static SECCOMP_LIST_TEXT_SIZE]) {
        Parser p = { .problem = reterr_problem };
        _cleanup_free_ char *copy = strdup(text);
        char *rest = copy, *line;
        int r = 0;

        if (!copy)
                return -ENOMEM;
        while (r == 0 && (line = strsep(&rest, "\n"))) {
                line[strcspn(line, "#")] = 0;
                p.line++;
                p.words = line;
                r = parse_line(&p);
        }
        if (r == 0 && p.list.n_arches == 0)
                r = fail(&p, "the list says nowhere what 'arch' it is for");
        if (r == 0 && p.list.default_error == 0)
                r = fail(&p, "the list has no 'default'");
        if (r < 0) {
                *reterr_line = p.line;
                seccomp_list_done(&p.list);
                return r;
        }
        *ret = p.list;
        return 0;
}

void seccomp_list_done(SeccompList *list) {
        free(list->rows);
        *list = (SeccompList){};
}
