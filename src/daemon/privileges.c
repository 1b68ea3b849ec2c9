/* What the daemon may do, and who may look into it. */
#include <errno.h>
#include <linux/capability.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "daemon/daemon.h"

void privileges_harden(void)
{
	struct rlimit none = {0, 0};

	(void)umask(077);
	(void)setrlimit(RLIMIT_CORE, &none);
	(void)prctl(PR_SET_DUMPABLE, 0);
	(void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}

/* Ports are bound and the control socket has its owner: what is left is routes, rules, packets. */
enum err privileges_drop(struct problem *problem)
{
	static const unsigned kept[] = {CAP_NET_ADMIN, CAP_NET_RAW};
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {0};
	uint32_t mask[_LINUX_CAPABILITY_U32S_3] = {0};

	for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++)
		mask[CAP_TO_INDEX(kept[i])] |= CAP_TO_MASK(kept[i]);
	if (syscall(SYS_capget, &header, data) != 0)
		return problem_set(
		    problem, ERR_SYSTEM, "capabilities cannot be read: %s", strerror(errno));
	for (size_t i = 0; i < _LINUX_CAPABILITY_U32S_3; i++) {
		data[i].permitted &= mask[i];
		data[i].effective = data[i].permitted;
		data[i].inheritable = 0;
	}
	if (syscall(SYS_capset, &header, data) != 0)
		return problem_set(
		    problem, ERR_SYSTEM, "capabilities cannot be given up: %s", strerror(errno));
	return ERR_OK;
}
