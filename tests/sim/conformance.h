/* One table of what Kerberos must answer, for the stand-in as for libkrb5. */
#ifndef SIM_CONFORMANCE_H
#define SIM_CONFORMANCE_H

#include "realm.h"

/* Prints each answer that is not the one in the table; false if there was any. */
bool sim_conforms(const struct sim_realm *realm);

#endif
