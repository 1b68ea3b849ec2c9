/* What a run is like, chosen by its seed, and the configuration file that each host gets. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy/config.h"
#include "realm.h"
#include "sim.h"

#define FILE_SIZE 8192

static uint32_t pick(struct sim_random *random, uint32_t first, uint32_t last)
{
	return (uint32_t)sim_random_between(random, first, last);
}

static void choose_policy(struct sim_profile *profile, struct sim_random *random)
{
	uint64_t modes = sim_random_below(random, 10);

	profile->host_count = sim_chance(random, 750) ? 2 : pick(random, 3, 4);
	profile->ipv6 = sim_chance(random, 300);
	profile->transport = modes < 8;
	profile->tunnel = modes >= 6;
	profile->ports = sim_chance(random, 250);
	profile->resolver = sim_chance(random, 400);
	profile->directory = sim_chance(random, 250);
	profile->suites = pick(random, 0, 5);
	profile->protocols = sim_chance(random, 700) ? 0 : pick(random, 1, 4);
	profile->pfs = sim_chance(random, 600) ? 0 : pick(random, 1, 4);
	profile->nonces = sim_chance(random, 700) ? 0 : pick(random, 1, 3);
	profile->lifetime = sim_chance(random, 700)   ? pick(random, 60, 600)
	                    : sim_chance(random, 500) ? pick(random, 20, 60)
	                                              : pick(random, 600, 7200);
	profile->retransmit_first = pick(random, 100, 1000);
	profile->retransmit_limit = pick(random, 1000, 8000);
	profile->retransmit_tries = pick(random, 4, 8);
	profile->delete_grace = sim_chance(random, 100) ? 0 : pick(random, 500, 5000);
	profile->dpd = sim_chance(random, 200) ? 0 : pick(random, 2000, 60000);
	profile->dpd_timeout = sim_chance(random, 700) ? 0 : pick(random, 1000, 20000);
	profile->max_sas = sim_chance(random, 100) ? pick(random, 8, 16) : 1000;
	profile->max_pending = sim_chance(random, 100) ? pick(random, 2, 8) : 1024;
	profile->ticket_life = sim_chance(random, 300) ? pick(random, 200, 1200) : 36000;
}

static void choose_faults(struct sim_profile *profile, struct sim_random *random)
{
	uint32_t harshness = pick(random, 0, 3); /* 0: gentle */

	profile->drop = pick(random, 0, 60 + 100 * harshness);
	profile->duplicate = pick(random, 0, 100);
	profile->reorder = pick(random, 0, 200);
	profile->corrupt = pick(random, 0, 20 + 60 * harshness);
	profile->replay = pick(random, 0, 100);
	profile->inject = sim_chance(random, 500) ? pick(random, 1, 300) : 0;
	profile->kerberos_limit = sim_chance(random, 300) ? pick(random, 1, 20) : 0;
	profile->plane_failure = sim_chance(random, 300) ? pick(random, 1, 50) : 0;
	profile->resolver_failure = sim_chance(random, 300) ? pick(random, 10, 300) : 0;
	profile->ticket_over = sim_chance(random, 250) ? pick(random, 1, 100) : 0;
	profile->crashes = sim_chance(random, 500) ? pick(random, 10, 80) : 0;
	profile->skews = sim_chance(random, 250) ? pick(random, 10, 50) : 0;
	/* Where tickets outlive the difference, hosts get along with it. */
	profile->clocks_stay =
	    profile->skews > 0 && profile->ticket_life >= 36000 && sim_chance(random, 500);
	profile->outages = sim_chance(random, 250) ? pick(random, 10, 50) : 0;
}

void sim_profile_choose(struct sim *sim)
{
	struct sim_profile *profile = &sim->profile;
	struct sim_random random;
	uint64_t kind;

	sim_random_init(&random, sim->seed, 1);
	kind = sim_random_below(&random, 100);
	*profile = (struct sim_profile){.kind = kind < 70   ? SIM_MIXED
	                                        : kind < 75 ? SIM_CLEAN
	                                        : kind < 85 ? SIM_OUTSIDER
	                                                    : SIM_ROGUE};
	choose_policy(profile, &random);
	profile->delay_ms = sim_random_between(&random, 1, 80);
	profile->reorder_ms = sim_random_between(&random, 10, 1500);
	profile->kerberos_delay_ms =
	    sim_random_between(&random, 0, sim_chance(&random, 200) ? 200 : 20);
	profile->plane_delay_ms =
	    sim_random_between(&random, 0, sim_chance(&random, 200) ? 100 : 10);
	profile->mean_gap_ms = sim_random_between(&random, 200, 20000);
	if (profile->kind == SIM_MIXED || profile->kind == SIM_ROGUE)
		choose_faults(profile, &random);
	/* The second: each other host has no keytab, and its peers find out. */
	if (!profile->directory && (profile->kind == SIM_MIXED || profile->kind == SIM_CLEAN) &&
	    sim_chance(&random, 300))
		profile->user_to_user =
		    sim_chance(&random, 400) ? SIM_USER_TO_USER_ALWAYS : SIM_USER_TO_USER_KEYLESS;
	if (profile->kind == SIM_OUTSIDER) {
		profile->inject = pick(&random, 300, 900);
		profile->max_pending = 1024;
		profile->max_sas = 1000;
		/* A ticket lasts: who has none cannot rekey, outsider or not. */
		profile->ticket_life = 36000;
	}
	if (profile->kind == SIM_ROGUE) {
		profile->rogue = (enum sim_rogue)sim_random_below(&random, SIM_ROGUE_COUNT);
		profile->host_count = 3;
		profile->tunnel = profile->tunnel || profile->rogue == SIM_ROGUE_SELECTORS;
	}
	if (sim->realm != &sim_standin) {
		/* libkrb5's clock is the machine's. */
		profile->skews = 0;
		profile->clocks_stay = false;
		profile->outages = 0;
		/* And its hosts have keytabs. */
		if (profile->user_to_user == SIM_USER_TO_USER_KEYLESS)
			profile->user_to_user = SIM_USER_TO_USER_ALWAYS;
	}
	/* Its dialect knows no more than that. */
	if (profile->user_to_user == SIM_USER_TO_USER_OFF && sim_chance(&random, 60)) {
		profile->racoon2 = true;
		profile->pfs = profile->nonces = profile->protocols = 0;
	}
	if (sim->realm == &sim_standin)
		sim_methods_choose(sim);
	profile->duration_ms = 80 * profile->mean_gap_ms;
	if (profile->duration_ms < profile->lifetime * 1500ULL && profile->lifetime < 1200)
		profile->duration_ms = profile->lifetime * 1500ULL;
}

bool sim_may_come_late(const struct sim *sim)
{
	const struct sim_profile *profile = &sim->profile;

	return profile->replay + profile->inject > 0 &&
	       (profile->kerberos_limit > 0 || profile->skews > 0 || profile->max_pending < 100);
}

static const char *suites(const struct sim *sim, const struct sim_host *host)
{
	static const char *const lists[6][2] = {
	    {"\"aes256gcm16\", \"aes128gcm16\"", "\"aes256gcm16\""},
	    {"\"aes128gcm16\"", "\"aes128gcm16\", \"aes256gcm16\", \"aes256-sha256\""},
	    {"\"chacha20poly1305\", \"aes256gcm16\"",
		"\"chacha20poly1305\", \"aes256gcm16\", \"aes256-sha256\""},
	    {"\"aes256-sha256\", \"aes256gcm16\"", "\"aes256-sha256\", \"chacha20poly1305\""},
	    /* These begin with different ones. */
	    {"\"aes256gcm16\", \"aes128gcm16\"", "\"aes128gcm16\", \"aes256gcm16\""},
	    {"\"aes256gcm16\", \"aes256-sha256\"", "\"aes256-sha256\""},
	};

	if (sim->profile.racoon2)
		return "\"aes256-sha1\"";
	return lists[sim->profile.suites][host->index % 2];
}

static const char *pfs(const struct sim *sim, const struct sim_host *host)
{
	static const char *const settings[5][2] = {{"off", "off"}, {"offer", "off"},
	    {"offer", "offer"}, {"require", "require"}, {"require", "offer"}};

	return settings[sim->profile.pfs][host->index % 2];
}

static const char *protocols(const struct sim *sim)
{
	static const char *const settings[5] = {"",
	    "ipsec = \"ah\"; ah = [ \"sha512\", \"sha256\" ];", "ipsec = \"esp+ah\";",
	    "compress = \"deflate\";",
	    "ipsec = \"esp+ah\"; compress = \"deflate\"; ah = [ \"sha256\", \"sha384\" ];"};

	return settings[sim->profile.protocols];
}

static const char *nonces(const struct sim *sim, const struct sim_host *host)
{
	return (sim->profile.nonces >> host->index % 2 & 1) != 0 ? "both" : "initiator";
}

static bool lists_as_peer(const struct sim_host *host, const struct sim_host *other)
{
	if (other == host)
		return false;
	if (host->rogue && host->sim->profile.rogue == SIM_ROGUE_SPOOFER)
		return other->index == 0;
	return !other->rogue || host->sim->profile.rogue == SIM_ROGUE_IMPOSTOR;
}

__attribute__((format(printf, 2, 3))) static void put(char *file, const char *format, ...)
{
	size_t used = strlen(file);
	va_list arguments;
	int len;

	va_start(arguments, format);
	len = vsnprintf(&file[used], FILE_SIZE - used, format, arguments);
	va_end(arguments);
	if (len < 0 || (size_t)len >= FILE_SIZE - used)
		abort();
}

static void put_host(char *file, const struct address *address, const char *name)
{
	char text[ADDRESS_TEXT_SIZE];

	put(file, "{ address = \"%s\"; name = \"%s\"; }", address_format(address, text), name);
}

static void put_hosts(char *file, const struct sim *sim)
{
	put(file, "hosts = (");
	for (size_t i = 0; i < sim->host_count; i++) {
		put(file, i > 0 ? ", " : "");
		put_host(file, &sim->hosts[i].address, sim->hosts[i].name);
		if (sim->profile.two_addresses) {
			put(file, ", ");
			put_host(file, &sim->hosts[i].other, sim->hosts[i].name);
		}
	}
	put(file, ");\n");
}

static const char *principals(const struct sim *sim)
{
	return sim->profile.directory ? "responder_principal = \"kink/{fqdn}@EXAMPLE.TEST\"; "
	                                "initiator_principal = \"{HOST}$@EXAMPLE.TEST\";"
	                              : "principal = \"kink/{fqdn}@EXAMPLE.TEST\";";
}

static const char *dpd(const struct sim *sim, char text[80])
{
	const struct sim_profile *profile = &sim->profile;
	int len = snprintf(text, 80, "dpd = \"%u ms\"; ", profile->dpd);

	if (profile->dpd_timeout > 0 && len > 0)
		(void)snprintf(&text[len], 80 - (size_t)len, "dpd_timeout = \"%u ms\"; ",
		    profile->dpd_timeout);
	return text;
}

static void put_peers(char *file, const struct sim *sim, const struct sim_host *host)
{
	static const char *const user_to_user[] = {"off", "allow", "require"};
	const char *comma = "";
	char text[ADDRESS_TEXT_SIZE];
	char settings[80];

	put(file, "peers = ({ name = \"members\"; %s user_to_user = \"%s\"; %s%s address = [",
	    principals(sim), user_to_user[sim->profile.user_to_user],
	    sim->profile.racoon2 ? "dialect = \"racoon2\"; " : "", dpd(sim, settings));
	for (size_t i = 0; i < sim->host_count; i++) {
		if (!lists_as_peer(host, &sim->hosts[i]))
			continue;
		put(file, "%s\"%s\"", comma, address_format(&sim->hosts[i].address, text));
		comma = ", ";
		if (sim->profile.two_addresses)
			put(file, ", \"%s\"", address_format(&sim->hosts[i].other, text));
	}
	put(file, "]; }");
	if (sim->profile.kind == SIM_ROGUE && sim->profile.rogue == SIM_ROGUE_SELECTORS &&
	    !host->rogue)
		put(file, ", { name = \"other\"; %s address = \"%s\"; }", principals(sim),
		    address_format(&sim->hosts[sim->host_count - 1].address, text));
	put(file, ");\n");
}

static void put_tunnels(
    char *file, const struct sim *sim, const struct sim_host *host, const char *common)
{
	char local[PREFIX_TEXT_SIZE];
	char remote[PREFIX_TEXT_SIZE];
	char gateway[ADDRESS_TEXT_SIZE];
	struct prefix network = host->network;

	/* The one who asks for what is not his. */
	if (host->rogue && sim->profile.rogue == SIM_ROGUE_SELECTORS)
		network.address.octets[1] ^= 0x40;
	for (size_t i = 0; i < sim->host_count; i++) {
		const struct sim_host *other = &sim->hosts[i];

		if (!lists_as_peer(host, other) &&
		    !(other->rogue && other != host && sim->profile.rogue == SIM_ROGUE_SELECTORS))
			continue;
		put(file,
		    "{ name = \"net-%c\"; mode = \"tunnel\"; gateway = \"%s\"; local = \"%s\"; "
		    "remote = \"%s\"; %s},\n",
		    'a' + (int)i, address_format(&other->address, gateway),
		    prefix_format(&network, local), prefix_format(&other->network, remote), common);
	}
}

struct policy *sim_policy(const struct sim *sim, const struct sim_host *host)
{
	const struct sim_profile *profile = &sim->profile;
	char file[FILE_SIZE] = "";
	char common[512];
	struct policy *policy;
	struct problem problem;

	(void)snprintf(common, sizeof(common),
	    "esp = [%s]; lifetime = \"%u s\"; pfs = \"%s\"; nonces = \"%s\"; %s ",
	    suites(sim, host),
	    profile->lifetime -
		(profile->racoon2 ? 0 : (host->index % 2) * (profile->lifetime / 8)),
	    pfs(sim, host), nonces(sim, host), protocols(sim));
	if (!profile->resolver)
		put_hosts(file, sim);
	put_peers(file, sim, host);
	put(file, "policies = (\n");
	if (profile->tunnel)
		put_tunnels(file, sim, host, common);
	if (profile->transport && profile->ports)
		put(file,
		    "{ name = \"web-out\"; remote = \"members\"; protocol = \"tcp\"; "
		    "remote_port = 80; %s},\n"
		    "{ name = \"web-in\"; remote = \"members\"; protocol = \"tcp\"; "
		    "local_port = 80; %s},\n",
		    common, common);
	else if (profile->transport)
		put(file, "{ name = \"hosts\"; remote = \"members\"; %s},\n", common);
	put(file, "{ name = \"last\"; protect = \"bypass\"; }\n);\n");
	put(file,
	    "daemon: { delete_grace = \"%u ms\"; limits: { sas = %u; pending = %u; };\n"
	    "retransmit: { first = \"%u ms\"; limit = \"%u ms\"; tries = %u; }; };\n",
	    profile->delete_grace, profile->max_sas, profile->max_pending,
	    profile->retransmit_first, profile->retransmit_limit, profile->retransmit_tries);
	if (config_parse_string("simulated", file, NULL, NULL, &policy, &problem) != ERR_OK) {
		(void)fprintf(stderr, "%s%s\n", file, problem.text);
		abort();
	}
	sim_methods_set(sim, host, policy);
	return policy;
}
