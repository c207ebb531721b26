/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* buildah says "STEP 3/7: RUN …" as it begins a step, with "[1/2] " before it when there are several
 * stages, whose steps it counts one by one. What a step prints comes in pieces that need not be lines.
 *
 * Trust: a build prints what the programs in it print; control characters are shown, not obeyed. */

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "basic/cleanup.h"
#include "client/progress.h"
#include "client/show.h"

#define BAR_SIZE      20
#define COLUMNS_LEAST 40

void progress_init(Progress *p, const char *name) {
        *p = (Progress){ .name = name, .is_drawn = isatty(STDERR_FILENO) };
}

void progress_done(Progress *p) {
        free(p->what);
        free(p->last);
        free(p->error);
        buffer_done(&p->log);
        line_reader_done(&p->lines);
}

/* text, without control characters and cut to so many columns, with an ellipsis if it was. */
static void draw_cut(const char *text, size_t columns) {
        _cleanup_free_ char *shown = show_name(text);
        size_t n = 0;

        if (!shown)
                return;
        if (show_width(shown) <= columns) {
                (void)fputs(shown, stderr);
                return;
        }
        for (size_t width = 0; shown[n]; n++) {
                width += ((unsigned char)shown[n] & 0xc0) != 0x80;
                if (width >= columns)
                        break;
        }
        (void)fprintf(stderr, "%.*s…", (int)n, shown);
}

static void draw(const Progress *p) {
        struct winsize size = { 0 };
        size_t columns = COLUMNS_LEAST, used;
        char bar[BAR_SIZE + 1], head[96];

        if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > COLUMNS_LEAST)
                columns = size.ws_col;
        (void)fputs("\r\033[K", stderr);
        if (p->n_steps > 0) {
                for (size_t i = 0; i < BAR_SIZE; i++)
                        bar[i] = i * p->n_steps < (size_t)p->step * BAR_SIZE ? '#' : '-';
                bar[BAR_SIZE] = 0;
                (void)snprintf(head, sizeof(head), "[%s] %u/%u ", bar, p->step, p->n_steps);
        } else
                head[0] = 0;
        used = strlen(head);
        (void)fputs(head, stderr);
        draw_cut(p->name, columns / 4);
        (void)fputc(' ', stderr);
        used += show_width(p->name) < columns / 4 ? show_width(p->name) : columns / 4;
        if (used + 3 < columns)
                draw_cut(p->what ? p->what : "", columns - used - 2);
        (void)fflush(stderr);
}

/* Whether a line begins a step; *ret_what is then what it does. */
static bool parse_step(const char *line, unsigned *ret_step, unsigned *ret_n,
                       const char **ret_what) {
        const char *p = line;
        int n = 0;

        if (sscanf(p, "[%*u/%*u] %n", &n) == 0 && n > 0)
                p += n;
        n = 0;
        if (sscanf(p, "STEP %5u/%5u: %n", ret_step, ret_n, &n) != 2 || n == 0 || *ret_step == 0 ||
            *ret_step > *ret_n)
                return false;
        *ret_what = p + n;
        return true;
}

static int keep(Progress *p, const char *line) {
        size_t size = strlen(line) + 1;
        int r;

        if (size > PROGRESS_LOG_MAX)
                return 0;
        if (p->log.size + size > PROGRESS_LOG_MAX)
                buffer_consume(&p->log, p->log.size + size - PROGRESS_LOG_MAX);
        r = buffer_append(&p->log, line, size - 1);
        return r < 0 ? r : buffer_append(&p->log, "\n", 1);
}

static int take_line(Progress *p, const char *data, size_t size) {
        _cleanup_free_ char *line = strndup(data, size);
        const char *what = NULL;
        unsigned step, n_steps;
        int r;

        if (!line)
                return -ENOMEM;
        if (parse_step(line, &step, &n_steps, &what)) {
                p->step = step;
                p->n_steps = n_steps;
                buffer_consume(&p->log, p->log.size);
        } else if (p->n_steps == 0)
                what = line;
        if (what) {
                free(p->what);
                p->what = strdup(what);
                if (!p->what)
                        return -ENOMEM;
        }
        if (p->is_drawn) {
                r = keep(p, line);
                if (r < 0)
                        return r;
                draw(p);
        } else {
                show_text(stderr, line);
                (void)fputc('\n', stderr);
        }
        free(p->last);
        p->last = TAKE_PTR(line);
        return 0;
}

static int take_text(Progress *p, const char *text, size_t size) {
        const char *line;
        int r;

        if (size == 0)
                return 0;
        r = line_reader_add(&p->lines, text, size);
        while (r >= 0) {
                LineFound found = line_reader_next(&p->lines, &line, &size);

                if (found == LINE_NONE)
                        break;
                r = found == LINE_WHOLE ? take_line(p, line, size) : -EBADMSG;
        }
        return r;
}

int progress_take(Progress *p, json_object *object) {
        const char *error = show_string_of(object, "error");
        const char *text = show_string_of(object, "stream");
        size_t size;
        int r;

        r = take_text(p, text, strlen(text));
        if (r < 0 || !error[0] || p->error)
                return r;
        size = strlen(error);
        while (size > 0 && error[size - 1] == '\n')
                size--;
        p->error = strndup(error, size);
        return p->error ? 0 : -ENOMEM;
}

void progress_end(Progress *p, bool has_failed) {
        if (line_reader_is_inside(&p->lines))
                (void)take_text(p, "\n", 1);
        if (!p->is_drawn)
                return;
        (void)fputs("\r\033[K", stderr);
        if (has_failed && p->log.size > 0) {
                _cleanup_free_ char *log = strndup(buffer_data(&p->log), p->log.size);

                show_text(stderr, log ? log : "");
        }
        (void)fflush(stderr);
}
