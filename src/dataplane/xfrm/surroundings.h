/*
 * The settings of the network namespace that this data plane depends on, and the file that
 * remembers what they were before, also after a crash.
 */
#ifndef DATAPLANE_XFRM_SURROUNDINGS_H
#define DATAPLANE_XFRM_SURROUNDINGS_H

#include <stdbool.h>

#include "base/log.h"

struct surroundings;

/*
 * Has the kernel hold packets while their SA is negotiated (net.core.xfrm_larval_drop = 0), and
 * notes in the file what was there before. path may be NULL, and its folder missing: then nothing
 * is remembered beyond the life of the process.
 */
struct surroundings *surroundings_open(const char *path, struct log *log);
/* Puts back what was there before; with keep everything stays, for the next start. */
void surroundings_close(struct surroundings *surroundings, bool keep);

#endif
