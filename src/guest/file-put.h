/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* file put PATH MODE [OFFSET], with the bytes on stdin. Returns 0 or -errno. */
int file_put_run(int argc, char **argv);
