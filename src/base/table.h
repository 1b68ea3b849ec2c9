/*
 * uthash as this project uses it: running out of memory leaves the element out instead of ending
 * the process. After each HASH_ADD_KEYPTR or HASH_ADD ask table_holds().
 */
#ifndef BASE_TABLE_H
#define BASE_TABLE_H

#define HASH_NONFATAL_OOM            1
#define uthash_nonfatal_oom(element) ((void)(element))

#include <uthash.h>

/* Whether the element with this handle is in its table. */
#define table_holds(handle) ((handle)->tbl != NULL)

#endif
