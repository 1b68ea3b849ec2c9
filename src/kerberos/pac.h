/* Who belongs to which groups, as a PAC tells: MS-PAC 2.5. */
#ifndef KERBEROS_PAC_H
#define KERBEROS_PAC_H

#include "base/sid.h"

/*
 * Whether the account of a PAC's LOGON_INFO buffer is one of these, or in one of these groups.
 * ERR_NOT_FOUND when it is not; ERR_INVALID when the buffer is malformed, wherever it is.
 */
enum err pac_find_member(
    struct bytes logon_info, const struct sid *wanted, size_t wanted_count) MUST_CHECK;

#endif
