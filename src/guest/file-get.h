/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* file get PATH OFFSET LENGTH. Returns 0, FILE_E_BROKEN, or -errno. */
int file_get_run(int argc, char **argv);
