/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The one place that decides whether a datagram is a frame. Each type has one size and one
 * direction; a frame is compared against both before any field is looked at, and each field against
 * its range before the frame is handed on, so that no caller has a half-checked frame in its hands.
 * The guest may lie in every byte; the host does not, but its frames go through the same function
 * so that there is one truth. */

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "basic/limits.h"
#include "wire/guest-frame.h"

#define ERRNO_MAX 4095 /* the kernel's MAX_ERRNO */

size_t guest_frame_size(GuestFrameType type) {
        switch (type) {
        case GUEST_FRAME_SETUP:
                return sizeof(GuestSetup);
        case GUEST_FRAME_START:
                return sizeof(GuestStart);
        case GUEST_FRAME_CODE:
                return sizeof(GuestCodeFrame);
        case GUEST_FRAME_GO:
        case GUEST_FRAME_CHILD:
                return sizeof(GuestPlain);
        case GUEST_FRAME_SIGNAL:
                return sizeof(GuestSignal);
        case GUEST_FRAME_RESIZE:
                return sizeof(GuestResize);
        case GUEST_FRAME_READY:
                return sizeof(GuestReady);
        case GUEST_FRAME_WRITTEN:
                return sizeof(GuestWritten);
        case GUEST_FRAME_EXITED:
                return sizeof(GuestExited);
        case GUEST_FRAME_INVALID:
        case _GUEST_FRAME_TYPE_MAX:
        default:
                return 0;
        }
}

void guest_frame_init(GuestFrame *frame, GuestFrameType type, uint32_t exec) {
        memset(frame, 0, sizeof(*frame));
        frame->header = (GuestHeader){
                .type = (uint16_t)type,
                .version = GUEST_PROTOCOL_VERSION,
                .exec = exec,
        };
}

static bool is_code_name(const char *name, bool has_code) {
        size_t n = strnlen(name, GUEST_CODE_NAME_SIZE);

        if (n == GUEST_CODE_NAME_SIZE)
                return false;
        if (!has_code)
                return n == 0;
        return n > 0 && name[0] != '.' && !memchr(name, '/', n);
}

static bool is_terminal_size(uint16_t rows, uint16_t columns) {
        return rows <= TERMINAL_SIZE_MAX && columns <= TERMINAL_SIZE_MAX;
}

static bool is_start_valid(const GuestStart *s) {
        return s->header.exec > 0 && s->n_argv >= 1 && s->n_argv <= ARGV_MAX &&
               s->n_env <= ARGV_MAX && s->strings_size <= PAYLOAD_SIZE_MAX &&
               s->code_size <= LINE_SIZE_MAX && s->code < _GUEST_CODE_MAX &&
               (s->code == GUEST_CODE_HERE || s->code_size == 0) && s->has_cwd <= 1 &&
               s->has_terminal <= 1 && is_terminal_size(s->rows, s->columns) &&
               (s->has_terminal || (s->rows == 0 && s->columns == 0)) &&
               is_code_name(s->code_name, s->code != GUEST_CODE_NONE);
}

static bool is_exited_valid(const GuestExited *e) {
        if (e->header.exec == 0)
                return false;

        switch ((GuestExitKind)e->kind) {
        case GUEST_EXIT_EXITED:
                return e->value >= 0 && e->value <= 255;
        case GUEST_EXIT_SIGNALED:
                return e->value >= 1 && e->value <= 64;
        case GUEST_EXIT_FAILED:
                return e->value >= 1 && e->value <= ERRNO_MAX;
        case GUEST_EXIT_INVALID:
        case _GUEST_EXIT_KIND_MAX:
        default:
                return false;
        }
}

static bool is_from_host_valid(const GuestFrame *f) {
        switch ((GuestFrameType)f->header.type) {
        case GUEST_FRAME_SETUP:
                return f->header.exec == 0 && f->setup.code_uid > 0 && f->setup.code_gid > 0;
        case GUEST_FRAME_START:
                return is_start_valid(&f->start);
        case GUEST_FRAME_CODE:
                return f->header.exec > 0 && f->code.code_size <= LINE_SIZE_MAX &&
                       f->code.reserved == 0;
        case GUEST_FRAME_GO:
                return f->header.exec > 0;
        case GUEST_FRAME_SIGNAL:
                return f->header.exec > 0 && f->signal.signo >= 1 && f->signal.signo <= 64 &&
                       f->signal.to_group <= 1;
        case GUEST_FRAME_RESIZE:
                return f->header.exec > 0 && f->resize.reserved == 0 &&
                       is_terminal_size(f->resize.rows, f->resize.columns);
        case GUEST_FRAME_READY:
        case GUEST_FRAME_CHILD:
        case GUEST_FRAME_WRITTEN:
        case GUEST_FRAME_EXITED:
        case GUEST_FRAME_INVALID:
        case _GUEST_FRAME_TYPE_MAX:
        default:
                return false;
        }
}

static bool is_from_guest_valid(const GuestFrame *f) {
        switch ((GuestFrameType)f->header.type) {
        case GUEST_FRAME_READY:
                return f->header.exec == 0;
        case GUEST_FRAME_CHILD:
                return f->header.exec > 0;
        case GUEST_FRAME_WRITTEN:
                return f->header.exec > 0 && f->written.error <= ERRNO_MAX &&
                       f->written.reserved == 0;
        case GUEST_FRAME_EXITED:
                return is_exited_valid(&f->exited);
        case GUEST_FRAME_SETUP:
        case GUEST_FRAME_START:
        case GUEST_FRAME_CODE:
        case GUEST_FRAME_GO:
        case GUEST_FRAME_SIGNAL:
        case GUEST_FRAME_RESIZE:
        case GUEST_FRAME_INVALID:
        case _GUEST_FRAME_TYPE_MAX:
        default:
                return false;
        }
}

int guest_frame_parse(const void *data, size_t size, GuestDirection from, GuestFrame *ret) {
        GuestFrame f;

        if (size < sizeof(GuestHeader) || size > sizeof(GuestFrame))
                return -EBADMSG;
        memset(&f, 0, sizeof(f));
        memcpy(&f, data, size);

        if (f.header.version != GUEST_PROTOCOL_VERSION ||
            size != guest_frame_size((GuestFrameType)f.header.type))
                return -EBADMSG;
        if (!(from == GUEST_FROM_HOST ? is_from_host_valid(&f) : is_from_guest_valid(&f)))
                return -EBADMSG;

        *ret = f;
        return 0;
}
