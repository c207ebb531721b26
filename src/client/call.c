/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A connection that ends before its first answer was most likely one too many: systemd closes what
 * is above MaxConnections= without a word. */

#include <errno.h>
#include <string.h>

#include "basic/cleanup.h"
#include "client/call.h"
#include "client/show.h"

int call_connect(const Address *address, Connection **ret) {
        int fd, r;

        fd = address_connect(address->path);
        if (fd < 0) {
                _cleanup_free_ char *text = address_explain(address, fd);

                show_error("%s", text ? text : "out of memory");
                return fd;
        }
        r = connection_new(ret, fd);
        if (r < 0)
                show_error("cannot use the connection: %s", strerror(-r));
        return r;
}

void call_show_error(json_object *error) {
        _cleanup_free_ char *text = NULL;
        const char *reason, *detail, *field, *journal;
        json_object *data = NULL;
        size_t size;
        FILE *f;

        (void)json_object_object_get_ex(error, "data", &data);
        reason = show_string_of(data, "reason");
        field = show_string_of(data, "field");
        detail = show_string_of(data, "detail");
        journal = show_string_of(data, "journal");

        f = open_memstream(&text, &size);
        if (!f)
                return;
        (void)fputs(show_string_of(error, "message"), f);
        if (reason[0])
                (void)fprintf(f, " (%s%s%s)", reason, field[0] ? ": " : "", field);
        if (detail[0])
                (void)fprintf(f, "\n    %s", detail);
        if (journal[0])
                (void)fprintf(f, "\n    what happened: %s", journal);
        if (fclose(f) == 0)
                show_error("%s", text);
}

void call_show_lost(const Address *address, int error, bool answered) {
        const char *journal = address->mode == ADDRESS_USER ? "journalctl --user" : "journalctl";

        if (error < 0 && error != -ECONNRESET && error != -EPIPE)
                show_error("the connection to %s failed: %s", address->path,
                           error == -EBADMSG ? "what came is not Cloche's protocol"
                                             : strerror(-error));
        else if (answered)
                show_error("the service closed the connection before the run had ended\n"
                           "    what happened: %s --unit 'cloche*'",
                           journal);
        else
                show_error("the service closed the connection at once: there may be too many "
                           "connections, yours or everybody's\n"
                           "    Close some or try again later; what happened: %s --unit "
                           "'cloche*'",
                           journal);
}
