/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "client/command.h"

extern const Verb verb_images;
