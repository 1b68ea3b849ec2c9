/*
 * What the host must always be able to reach, whatever the policies say: its KDCs, its name
 * servers, and its peers' key negotiation. So it can never lock itself out of its realm.
 */
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/daemon.h"
#include "daemon/srv.h"

#define KDC_PORT      88
#define KPASSWD_PORT  464
#define DNS_PORT      53
#define SELECTORS_MAX 128

struct collection {
	struct daemon *daemon;
	struct selector selectors[SELECTORS_MAX];
	size_t count;
};

static void add(struct collection *collection, const struct address *remote, uint8_t protocol,
    uint16_t local_port, uint16_t remote_port)
{
	struct prefix everywhere = prefix_any(remote->family);
	struct address none = {.family = remote->family};
	bool any = address_equal(remote, &none);
	struct prefix there = any ? everywhere : prefix_of_host(remote);

	if (collection->count == SELECTORS_MAX)
		return;
	collection->selectors[collection->count++] = (struct selector){
	    .local = range_of_prefix(&everywhere),
	    .remote = range_of_prefix(&there),
	    .local_ports = local_port == 0 ? PORT_ANY : (struct port_range){local_port, local_port},
	    .remote_ports =
		remote_port == 0 ? PORT_ANY : (struct port_range){remote_port, remote_port},
	    .protocol = protocol};
}

static void add_service(struct collection *collection, const struct address *remote, uint16_t port)
{
	add(collection, remote, IPPROTO_UDP, 0, port);
	add(collection, remote, IPPROTO_TCP, 0, port);
}

/* "host", "host:port" or "[address]:port", as krb5.conf has it. */
static void add_kdc(void *context, const char *text)
{
	struct collection *collection = context;
	struct addrinfo hints = {.ai_socktype = SOCK_DGRAM};
	struct addrinfo *list = NULL;
	char host[256];
	const char *port = strrchr(text, ':');
	unsigned long number = KDC_PORT;
	size_t len = strlen(text);

	if (port != NULL && (text[0] == '[' ? port[-1] == ']' : strchr(text, ':') == port)) {
		number = strtoul(port + 1, NULL, 10);
		len = (size_t)(port - text);
	}
	if (text[0] == '[') {
		text++;
		len = strcspn(text, "]");
	}
	if (len >= sizeof(host) || number == 0 || number > UINT16_MAX)
		return;
	memcpy(host, text, len);
	host[len] = '\0';
	if (getaddrinfo(host, NULL, &hints, &list) != 0) {
		log_event(&collection->daemon->log, LOG_LEVEL_WARNING, LOG_AREA_DAEMON,
		    LOG_FIELDS({"kdc", host}),
		    "the KDC's address is not known now: if a policy covers it, it cannot be "
		    "reached; use its address in krb5.conf, or realm.kdc in kinkd.conf");
		return;
	}
	for (struct addrinfo *entry = list; entry != NULL; entry = entry->ai_next) {
		struct endpoint endpoint;

		if (endpoint_from_sockaddr(entry->ai_addr, &endpoint) != ERR_OK)
			continue;
		add_service(collection, &endpoint.address, (uint16_t)number);
		add_service(collection, &endpoint.address, KPASSWD_PORT);
	}
	freeaddrinfo(list);
}

/* Realms without a KDC in krb5.conf have theirs in DNS, as Active Directory's always do. */
static void add_kdcs_of_dns(void *context, const char *realm)
{
	struct collection *collection = context;
	size_t before = collection->count;

	srv_look_up(realm, add_kdc, collection);
	if (collection->count == before && collection->daemon->policy->realm.kdc_count == 0)
		log_event(&collection->daemon->log, LOG_LEVEL_WARNING, LOG_AREA_DAEMON,
		    LOG_FIELDS({"realm", realm}),
		    "neither krb5.conf nor DNS names a KDC of the realm: if a policy covers it, it "
		    "cannot be reached; name it in krb5.conf, or as realm.kdc in kinkd.conf");
}

static void add_name_servers(struct collection *collection, const char *path)
{
	FILE *file = fopen(path, "re");
	char line[256];
	char name[64];
	struct address address;

	if (file == NULL)
		return;
	while (fgets(line, sizeof(line), file) != NULL) {
		if (sscanf(line, " nameserver %63s", name) == 1 &&
		    address_parse(name, &address) == ERR_OK)
			add_service(collection, &address, DNS_PORT);
	}
	(void)fclose(file);
}

static enum err hand_over(struct collection *collection, const char *name)
{
	enum err error = collection->count == 0 ? ERR_OK
	                                        : policy_bypass(collection->daemon->policy, name,
						      collection->selectors, collection->count);

	collection->count = 0;
	return error;
}

/* What goes from or comes to a port of the negotiation here. */
static enum err add_own_port(struct collection *collection, const char *name, uint16_t port)
{
	const struct address any[] = {{.family = 4}, {.family = 6}};

	for (size_t i = 0; i < 2; i++)
		add(collection, &any[i], IPPROTO_UDP, port, 0);
	return hand_over(collection, name);
}

enum err bypass_add(struct daemon *daemon, struct problem *problem)
{
	const struct policy_realm *realm = &daemon->policy->realm;
	struct collection *collection = calloc(1, sizeof(*collection));
	enum err error;

	if (collection == NULL)
		return problem_set(problem, ERR_NO_MEMORY, "out of memory");
	collection->daemon = daemon;
	for (size_t i = 0; i < realm->kdc_count; i++)
		add_service(collection, &realm->kdcs[i].address, realm->kdcs[i].port);
	if (policy_needs_kerberos(daemon->policy)) {
		kerberos_kdc_names(daemon->realm, add_kdc, collection);
		kerberos_realms_in_dns(daemon->realm, add_kdcs_of_dns, collection);
	}
	error = hand_over(collection, "kdc");
	if (error == ERR_OK) {
		add_name_servers(collection, "/etc/resolv.conf");
		/* systemd-resolved stands in front of these, and names itself in the other. */
		add_name_servers(collection, "/run/systemd/resolve/resolv.conf");
		error = hand_over(collection, "dns");
	}
	if (error == ERR_OK)
		error = add_own_port(collection, "kink", daemon->policy->daemon.kink_port);
	if (error == ERR_OK && policy_uses(daemon->policy, EXCHANGE_IKEV1))
		error = add_own_port(collection, "ike", IKE_PORT);
	if (error == ERR_OK && policy_crosses_nat(daemon->policy))
		error = add_own_port(collection, "ike-nat", IPSEC_ENCAPSULATION_PORT);
	free(collection);
	return error == ERR_OK ? error
	                       : problem_set(problem, error, "bypass rules: %s", err_text(error));
}
