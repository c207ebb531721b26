/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A datagram for guest_frame_parse(): the first byte of the input chooses the direction, the rest
 * is the datagram. What must hold of anything it accepts is asserted here, not only that it
 * survives. */

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "basic/limits.h"
#include "wire/guest-frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_start(const GuestStart *s) {
        size_t n = strnlen(s->code_name, sizeof(s->code_name));

        assert(s->header.exec > 0);
        assert(s->n_argv >= 1 && s->n_argv <= ARGV_MAX && s->n_env <= ARGV_MAX);
        assert(s->strings_size <= PAYLOAD_SIZE_MAX && s->code_size <= LINE_SIZE_MAX);
        assert(n < sizeof(s->code_name) && !strchr(s->code_name, '/') && s->code_name[0] != '.');
        assert(s->code == GUEST_CODE_NONE ? n == 0 : n > 0);
        assert(s->code == GUEST_CODE_HERE || s->code_size == 0);
        assert(s->code < _GUEST_CODE_MAX && s->has_cwd <= 1 && s->has_terminal <= 1);
        assert(s->rows <= TERMINAL_SIZE_MAX && s->columns <= TERMINAL_SIZE_MAX);
        assert(s->has_terminal || (s->rows == 0 && s->columns == 0));
}

static void check_frame(const GuestFrame *f, GuestDirection from) {
        switch ((GuestFrameType)f->header.type) {
        case GUEST_FRAME_SETUP:
                assert(from == GUEST_FROM_HOST && f->setup.code_uid > 0 && f->setup.code_gid > 0);
                break;
        case GUEST_FRAME_START:
                assert(from == GUEST_FROM_HOST);
                check_start(&f->start);
                break;
        case GUEST_FRAME_SIGNAL:
                assert(from == GUEST_FROM_HOST && f->header.exec > 0);
                assert(f->signal.signo >= 1 && f->signal.signo <= 64);
                break;
        case GUEST_FRAME_CODE:
                assert(from == GUEST_FROM_HOST && f->header.exec > 0);
                assert(f->code.code_size <= LINE_SIZE_MAX);
                break;
        case GUEST_FRAME_GO:
                assert(from == GUEST_FROM_HOST && f->header.exec > 0);
                break;
        case GUEST_FRAME_RESIZE:
                assert(from == GUEST_FROM_HOST && f->header.exec > 0);
                assert(f->resize.rows <= TERMINAL_SIZE_MAX);
                assert(f->resize.columns <= TERMINAL_SIZE_MAX);
                break;
        case GUEST_FRAME_READY:
                assert(from == GUEST_FROM_GUEST && f->header.exec == 0);
                break;
        case GUEST_FRAME_CHILD:
                assert(from == GUEST_FROM_GUEST && f->header.exec > 0);
                break;
        case GUEST_FRAME_WRITTEN:
                assert(from == GUEST_FROM_GUEST && f->header.exec > 0);
                assert(f->written.error <= 4095);
                break;
        case GUEST_FRAME_EXITED:
                assert(from == GUEST_FROM_GUEST && f->header.exec > 0);
                assert(f->exited.kind > GUEST_EXIT_INVALID &&
                       f->exited.kind < _GUEST_EXIT_KIND_MAX);
                assert(f->exited.value >= 0 && f->exited.value <= 4095);
                break;
        case GUEST_FRAME_INVALID:
        case _GUEST_FRAME_TYPE_MAX:
        default:
                assert(!"a type that does not exist");
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        GuestFrame frame, untouched, again;
        GuestDirection from, other;
        int r;

        if (size == 0)
                return 0;
        from = data[0] & 1 ? GUEST_FROM_GUEST : GUEST_FROM_HOST;
        other = data[0] & 1 ? GUEST_FROM_HOST : GUEST_FROM_GUEST;
        data++;
        size--;

        memset(&frame, 0xa5, sizeof(frame));
        memcpy(&untouched, &frame, sizeof(frame));
        r = guest_frame_parse(data, size, from, &frame);
        if (r < 0) {
                assert(r == -EBADMSG);
                assert(memcmp(&frame, &untouched, sizeof(frame)) == 0);
                return 0;
        }
        assert(size == guest_frame_size((GuestFrameType)frame.header.type));
        assert(memcmp(&frame, data, size) == 0);
        assert(frame.header.version == GUEST_PROTOCOL_VERSION);
        check_frame(&frame, from);
        assert(guest_frame_parse(&frame, size, from, &again) == 0);
        assert(guest_frame_parse(&frame, size, other, &again) == -EBADMSG);
        return 0;
}
