# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Starts the driver of the profile `node`. Node cannot duplicate a descriptor, so what it speaks with
# Cloche is put on 3 and 4 before it begins, and 0 to 2 are left to the code. The driver needs
# what Node keeps for itself to read code (the parser of its own prompt) and to let go of timers.

exec node --expose-internals --disable-warning=ExperimentalWarning "${0%/*}/driver.js" \
    3<&0 4>&1 </dev/null >/dev/null
