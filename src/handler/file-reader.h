/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Takes apart what `cloche-guest file …` says (wire/file-record.h), piece by piece as it comes.
 * Pure. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "basic/limits.h"
#include "wire/file-record.h"

/* Called from file_reader_feed(). */
typedef struct FileReaderEvents {
        void (*on_record)(const FileRecord *record, const char *name, void *userdata);
        void (*on_data)(const char *data, size_t size, void *userdata); /* of the last record */
} FileReaderEvents;

typedef struct FileReader {
        const FileReaderEvents *events;
        void *userdata;
        FileRecord record;  /* the last one, from its struct's last byte on */
        uint32_t name_size; /* bytes of its name that are here */
        uint64_t left;      /* bytes of the file that are to come */
        size_t n_head;      /* bytes of the next struct that are here */
        bool in_name;
        char head[sizeof(FileRecord)];
        char name[FILE_PATH_MAX];
} FileReader;

/* Returns 0, or -EBADMSG for what is no record: nothing is told from there on. */
int file_reader_feed(FileReader *r, const char *data, size_t size);

/* Whether what came ends with the end of a record. */
bool file_reader_is_whole(const FileReader *r);
