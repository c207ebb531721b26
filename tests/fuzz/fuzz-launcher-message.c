/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A datagram for launcher_message_parse(): the first byte of the input chooses the direction, the
 * rest is the datagram. What must hold of anything it accepts is asserted here, not only that it
 * survives. */

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "wire/launcher-message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_string(const char *s, size_t size) {
        size_t n = strnlen(s, size);

        assert(n < size);
        for (size_t i = n; i < size; i++)
                assert(s[i] == 0);
}
#define CHECK_STRING(field) check_string(field, sizeof(field))

static void check_id(const char id[static ID_SIZE]) {
        assert(strnlen(id, ID_SIZE) == ID_SIZE - 1);
        assert(strspn(id, "0123456789abcdef") == ID_SIZE - 1);
}

static void check_from_handler(const LauncherMessage *m) {
        LauncherMessageType type = (LauncherMessageType)m->header.type;

        assert(type > LAUNCHER_MESSAGE_INVALID && type < LAUNCHER_WELCOME);
        if (type == LAUNCHER_OPEN) {
                CHECK_STRING(m->open.profile);
                assert(launcher_profile_name_is_valid(m->open.profile));
                assert(m->open.keep <= 1);
        } else if (type == LAUNCHER_PLACE) {
                check_id(m->place.sandbox);
                assert(m->place.exec > 0 && m->place.pid > 1);
        } else if (type == LAUNCHER_END) {
                check_id(m->end.sandbox);
                assert(m->end.exec > 0 && m->end.kill <= 1);
        } else if (type == LAUNCHER_CLOSE)
                check_id(m->close.sandbox);
}

static void check_from_launcher(const LauncherMessage *m) {
        LauncherMessageType type = (LauncherMessageType)m->header.type;

        assert(type >= LAUNCHER_WELCOME && type < _LAUNCHER_MESSAGE_TYPE_MAX);
        if (type == LAUNCHER_WELCOME)
                check_id(m->welcome.connection);
        else if (type == LAUNCHER_PROFILE) {
                assert(launcher_profile_name_is_valid(m->profile.name));
                CHECK_STRING(m->profile.description);
                CHECK_STRING(m->profile.problem);
        } else if (type == LAUNCHER_OPENED) {
                check_id(m->opened.sandbox);
                CHECK_STRING(m->opened.interpreter);
                CHECK_STRING(m->opened.driver);
                CHECK_STRING(m->opened.code_name);
        } else if (type == LAUNCHER_REFUSED) {
                assert(m->refused.refusal > LAUNCHER_REFUSAL_INVALID);
                assert(m->refused.refusal < _LAUNCHER_REFUSAL_MAX);
                CHECK_STRING(m->refused.detail);
        } else if (type == LAUNCHER_ENDED)
                assert(m->ended.known <= 1);
        else if (type == LAUNCHER_CLOSED || type == LAUNCHER_DIED) {
                check_id(m->closed.sandbox);
                assert(m->closed.death < _LAUNCHER_DEATH_MAX);
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        static LauncherMessage message, untouched, again;
        LauncherDirection from, other;
        int r;

        if (size == 0)
                return 0;
        from = data[0] & 1 ? LAUNCHER_FROM_LAUNCHER : LAUNCHER_FROM_HANDLER;
        other = data[0] & 1 ? LAUNCHER_FROM_HANDLER : LAUNCHER_FROM_LAUNCHER;
        data++;
        size--;

        memset(&message, 0xa5, sizeof(message));
        memcpy(&untouched, &message, sizeof(message));
        r = launcher_message_parse(data, size, from, &message);
        if (r < 0) {
                assert(r == -EBADMSG);
                assert(memcmp(&message, &untouched, sizeof(message)) == 0);
                return 0;
        }
        assert(size == launcher_message_size((LauncherMessageType)message.header.type));
        assert(memcmp(&message, data, size) == 0);
        assert(message.header.version == LAUNCHER_PROTOCOL_VERSION);
        if (from == LAUNCHER_FROM_HANDLER)
                check_from_handler(&message);
        else
                check_from_launcher(&message);
        assert(launcher_message_parse(&message, size, from, &again) == 0);
        assert(launcher_message_parse(&message, size, other, &again) == -EBADMSG);
        return 0;
}
