/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Decides whether a datagram is a message, for both ends. The launcher runs with rights and reads
 * these from a process that may have been taken over by a client; so a message is compared with its
 * type's size, direction, alphabets and ranges before any caller sees it, and padding must be zero:
 * there is one encoding of each message and no room for anything else. */

#include <errno.h>
#include <string.h>

#include "wire/launcher-message.h"

size_t launcher_message_size(LauncherMessageType type) {
        switch (type) {
        case LAUNCHER_HELLO:
        case LAUNCHER_PROFILES:
        case LAUNCHER_DONE:
        case LAUNCHER_PLACED:
        case LAUNCHER_RESUMED:
                return sizeof(LauncherPlain);
        case LAUNCHER_OPEN:
                return sizeof(LauncherOpen);
        case LAUNCHER_PLACE:
                return sizeof(LauncherPlace);
        case LAUNCHER_END:
                return sizeof(LauncherEnd);
        case LAUNCHER_CLOSE:
                return sizeof(LauncherClose);
        case LAUNCHER_WELCOME:
                return sizeof(LauncherWelcome);
        case LAUNCHER_PROFILE:
                return sizeof(LauncherProfile);
        case LAUNCHER_OPENED:
                return sizeof(LauncherOpened);
        case LAUNCHER_REFUSED:
                return sizeof(LauncherRefused);
        case LAUNCHER_ENDED:
                return sizeof(LauncherEnded);
        case LAUNCHER_CLOSED:
        case LAUNCHER_DIED:
                return sizeof(LauncherClosed);
        case LAUNCHER_MESSAGE_INVALID:
        case _LAUNCHER_MESSAGE_TYPE_MAX:
        default:
                return 0;
        }
}

size_t launcher_message_count_fds(const LauncherMessage *m) {
        if (m->header.type != LAUNCHER_OPENED)
                return 0;
        if (m->opened.stand_in_pid)
                return _LAUNCHER_FD_MAX;
        return m->opened.driver_pid ? LAUNCHER_FD_STAND_IN_INPUT : LAUNCHER_FD_COMMANDS;
}

void launcher_message_init(LauncherMessage *m, LauncherMessageType type, uint64_t serial) {
        memset(m, 0, sizeof(*m));
        m->header = (LauncherHeader){
                .type = (uint16_t)type,
                .version = LAUNCHER_PROTOCOL_VERSION,
                .serial = serial,
        };
}

static bool is_zero(const char *p, size_t n) {
        for (size_t i = 0; i < n; i++)
                if (p[i] != 0)
                        return false;
        return true;
}

/* NUL-terminated inside its field, and nothing hidden behind the NUL */
static bool is_string(const char *s, size_t size) {
        size_t n = strnlen(s, size);

        return n < size && is_zero(s + n, size - n);
}
#define IS_STRING(field) is_string(field, sizeof(field))
#define IS_ZERO(field)   is_zero(field, sizeof(field))

static bool is_id(const char id[static ID_SIZE]) {
        if (strnlen(id, ID_SIZE) != ID_SIZE - 1)
                return false;
        return strspn(id, "0123456789abcdef") == ID_SIZE - 1;
}

bool launcher_profile_name_is_valid(const char *name) {
        size_t n = strnlen(name, PROFILE_NAME_SIZE);

        if (n == 0 || n >= PROFILE_NAME_SIZE || name[0] == '-' || name[n - 1] == '-')
                return false;
        return strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") == n;
}

const char *launcher_refusal_name(LauncherRefusal refusal) {
        static const char *const names[_LAUNCHER_REFUSAL_MAX] = {
                [LAUNCHER_REFUSAL_TOO_MANY_CONNECTIONS] = "too_many_connections",
                [LAUNCHER_REFUSAL_TOO_MANY_SANDBOXES] = "too_many_sandboxes",
                [LAUNCHER_REFUSAL_UID] = "not_allowed",
                [LAUNCHER_REFUSAL_UNKNOWN_PROFILE] = "unknown_profile",
                [LAUNCHER_REFUSAL_PROFILE] = "profile_refused",
                [LAUNCHER_REFUSAL_LIMIT] = "limit_above_profile",
                [LAUNCHER_REFUSAL_IMAGE_MISSING] = "image_missing",
                [LAUNCHER_REFUSAL_PODMAN] = "podman_failed",
                [LAUNCHER_REFUSAL_SCOPE] = "scope_failed",
                [LAUNCHER_REFUSAL_GUEST] = "guest_failed",
                [LAUNCHER_REFUSAL_AUDIT] = "audit_unavailable",
                [LAUNCHER_REFUSAL_INTERNAL] = "internal",
        };

        if (refusal <= LAUNCHER_REFUSAL_INVALID || refusal >= _LAUNCHER_REFUSAL_MAX)
                return "internal";
        return names[refusal];
}

static bool is_from_handler(const LauncherMessage *m) {
        switch ((LauncherMessageType)m->header.type) {
        case LAUNCHER_HELLO:
        case LAUNCHER_PROFILES:
                return true;
        case LAUNCHER_OPEN:
                return IS_STRING(m->open.profile) &&
                       launcher_profile_name_is_valid(m->open.profile) &&
                       IS_ZERO(m->open.reserved) && m->open.keep <= 1;
        case LAUNCHER_PLACE:
                return is_id(m->place.sandbox) && IS_ZERO(m->place.reserved) &&
                       m->place.exec >= 1 && m->place.pid > 1;
        case LAUNCHER_END:
                return is_id(m->end.sandbox) && IS_ZERO(m->end.reserved) && m->end.exec >= 1 &&
                       m->end.kill <= 1;
        case LAUNCHER_CLOSE:
                return is_id(m->close.sandbox) && IS_ZERO(m->close.padding);
        case LAUNCHER_MESSAGE_INVALID:
        case LAUNCHER_WELCOME:
        case LAUNCHER_PROFILE:
        case LAUNCHER_DONE:
        case LAUNCHER_OPENED:
        case LAUNCHER_REFUSED:
        case LAUNCHER_PLACED:
        case LAUNCHER_ENDED:
        case LAUNCHER_CLOSED:
        case LAUNCHER_DIED:
        case LAUNCHER_RESUMED:
        case _LAUNCHER_MESSAGE_TYPE_MAX:
        default:
                return false;
        }
}

static bool is_from_launcher(const LauncherMessage *m) {
        switch ((LauncherMessageType)m->header.type) {
        case LAUNCHER_DONE:
        case LAUNCHER_PLACED:
        case LAUNCHER_RESUMED:
                return true;
        case LAUNCHER_WELCOME:
                return is_id(m->welcome.connection) && m->welcome.system_mode <= 1 &&
                       m->welcome.audit_required <= 1 && IS_ZERO(m->welcome.reserved);
        case LAUNCHER_PROFILE:
                return launcher_profile_name_is_valid(m->profile.name) &&
                       IS_STRING(m->profile.name) && IS_STRING(m->profile.language) &&
                       IS_STRING(m->profile.description) && IS_STRING(m->profile.image) &&
                       IS_STRING(m->profile.digest) && IS_STRING(m->profile.problem) &&
                       IS_ZERO(m->profile.padding);
        case LAUNCHER_OPENED:
                return is_id(m->opened.sandbox) && IS_STRING(m->opened.profile) &&
                       IS_STRING(m->opened.digest) && IS_STRING(m->opened.interpreter) &&
                       IS_STRING(m->opened.driver) && IS_STRING(m->opened.code_name) &&
                       IS_ZERO(m->opened.padding) && m->opened.guest_is_ready <= 1 &&
                       (m->opened.driver_pid == 0 ||
                        (m->opened.driver_pid > 1 && m->opened.guest_is_ready)) &&
                       (m->opened.stand_in_pid == 0 ||
                        (m->opened.stand_in_pid > 1 && m->opened.driver_pid > 0));
        case LAUNCHER_REFUSED:
                return m->refused.refusal > LAUNCHER_REFUSAL_INVALID &&
                       m->refused.refusal < _LAUNCHER_REFUSAL_MAX && IS_STRING(m->refused.detail) &&
                       IS_ZERO(m->refused.padding);
        case LAUNCHER_ENDED:
                return m->ended.known <= 1;
        case LAUNCHER_CLOSED:
        case LAUNCHER_DIED:
                return is_id(m->closed.sandbox) && m->closed.known <= 1 &&
                       m->closed.death < _LAUNCHER_DEATH_MAX && IS_ZERO(m->closed.padding);
        case LAUNCHER_MESSAGE_INVALID:
        case LAUNCHER_HELLO:
        case LAUNCHER_PROFILES:
        case LAUNCHER_OPEN:
        case LAUNCHER_PLACE:
        case LAUNCHER_END:
        case LAUNCHER_CLOSE:
        case _LAUNCHER_MESSAGE_TYPE_MAX:
        default:
                return false;
        }
}

int launcher_message_parse(const void *data, size_t size, LauncherDirection from,
                           LauncherMessage *ret) {
        LauncherMessage m;

        memset(&m, 0, sizeof(m));
        if (size < sizeof(LauncherHeader) || size > sizeof(m))
                return -EBADMSG;
        memcpy(&m, data, size);

        if (m.header.version != LAUNCHER_PROTOCOL_VERSION || m.header.reserved != 0 ||
            size != launcher_message_size((LauncherMessageType)m.header.type))
                return -EBADMSG;
        if (from == LAUNCHER_FROM_HANDLER ? !is_from_handler(&m) : !is_from_launcher(&m))
                return -EBADMSG;

        *ret = m;
        return 0;
}
