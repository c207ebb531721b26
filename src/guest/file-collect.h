/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* file collect MAX_FILES MAX_BYTES PATTERN…. Returns 0, FILE_E_BROKEN, or -errno. */
int file_collect_run(int argc, char **argv);
