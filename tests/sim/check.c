/*
 * What must hold: keys and selectors agree on both ends, SAs only with whom and for what policy
 * allows, nothing half-open that lasts, tables within their limits.
 */
#include "sim.h"

#include <stdio.h>
#include <string.h>

static int name_of(const struct sim_host *host)
{
	return 'a' + (int)host->index;
}

bool sim_are_friends(const struct sim_host *host, const struct sim_host *peer)
{
	return host != peer && !host->rogue && !peer->rogue;
}

static bool port_is(struct port_range range, uint16_t port)
{
	return range.first == port && range.last == port;
}

/* The oracle: written from the profile, not from the policy code. */
static bool is_allowed(
    const struct sim_host *host, const struct sim_host *peer, const struct dataplane_sa *sa)
{
	const struct sim_profile *profile = &host->sim->profile;
	const struct selector *selector = &sa->selector;
	struct address_range mine = range_of_prefix(&host->network);
	struct address_range theirs = range_of_prefix(&peer->network);

	/* What goes around the tunnel of a bundle is in transport mode. */
	if (sa->mode == IPSEC_TUNNEL || (sa->bundle_index > 0 && !range_is_host(&selector->local)))
		return profile->tunnel && range_contains_range(&mine, &selector->local) &&
		       range_contains_range(&theirs, &selector->remote);
	if (!profile->transport || !range_is_host(&selector->local) ||
	    !range_is_host(&selector->remote) ||
	    !address_equal(&selector->local.first, &host->address) ||
	    !address_equal(&selector->remote.first, &peer->address))
		return false;
	return !profile->ports ||
	       (selector->protocol == 6 &&
		   (port_is(selector->local_ports, 80) || port_is(selector->remote_ports, 80)));
}

static bool is_mirrored(const struct selector *a, const struct selector *b)
{
	return range_equal(&a->local, &b->remote) && range_equal(&a->remote, &b->local) &&
	       memcmp(&a->local_ports, &b->remote_ports, sizeof(a->local_ports)) == 0 &&
	       memcmp(&a->remote_ports, &b->local_ports, sizeof(a->remote_ports)) == 0 &&
	       a->protocol == b->protocol;
}

static bool suite_is(const struct suite *a, const struct suite *b)
{
	return a->protocol == b->protocol && a->encryption == b->encryption &&
	       a->key_bits == b->key_bits && a->integrity == b->integrity;
}

/* The other end of an SA, if that host has it. */
static const struct dataplane_sa *other_end(const struct sim *sim, const struct sim_host *host,
    const struct sim_host *peer, const struct dataplane_sa *sa)
{
	const struct dataplane_sa *other;

	(void)sim;
	(void)host;
	if (peer == NULL || peer->kx == NULL || peer->plane == NULL)
		return NULL;
	other = record_find_sa(
	    sim_plane_record(peer->plane), sa->spi, sa->suite.protocol, &sa->destination);
	return other != NULL && other->direction != sa->direction &&
	               address_equal(&other->source, &sa->source)
	           ? other
	           : NULL;
}

static void compare(struct sim *sim, const struct sim_host *host, const struct sim_host *peer,
    const struct dataplane_sa *sa)
{
	const struct dataplane_sa *other = other_end(sim, host, peer, sa);
	const char *what = NULL;

	if (other == NULL)
		return;
	if (sa->key_len != other->key_len || memcmp(sa->key, other->key, sa->key_len) != 0)
		what = "key";
	else if (!suite_is(&sa->suite, &other->suite))
		what = "suite";
	else if (sa->mode != other->mode)
		what = "mode";
	else if (!is_mirrored(&sa->selector, &other->selector))
		what = "selector";
	if (what != NULL)
		sim_fail(sim, "SPI %08x has another %s on host %c than on host %c", sa->spi, what,
		    name_of(host), name_of(peer));
	sim->counts[SIM_SAS_COMPARED]++;
}

struct same_key {
	const struct dataplane_sa *sa;
	size_t count;
};

static void count_same_key(void *context, const struct dataplane_sa *sa)
{
	struct same_key *same = context;

	if (sa->key_len == same->sa->key_len && memcmp(sa->key, same->sa->key, sa->key_len) == 0)
		same->count++;
}

static uint64_t hash_of_key(const struct dataplane_sa *sa)
{
	uint64_t hash[2];

	sim_hash("inbound", 7, sa->key, sa->key_len, hash);
	return hash[0];
}

/* Whether that host has ever had an SA to receive under this key. */
static bool has_received_under(const struct sim_host *host, const struct dataplane_sa *sa)
{
	uint64_t hash = hash_of_key(sa);

	for (size_t i = 0; i < SIM_INBOUND; i++) {
		if (host->inbound[i] == hash)
			return true;
	}
	return false;
}

/*
 * With whom a key was agreed. KINK's come from a session. IKEv1's are believed to be the peer's
 * when that very host can receive under them; an inbound one is made before it has proved itself.
 */
static const char *origin_of(
    const struct sim_host *host, const struct sim_host *peer, const struct dataplane_sa *sa)
{
	const char *origin = sim_kerberos_origin(host->kerberos, sa->key, sa->key_len);
	bool tunnel = sa->mode == IPSEC_TUNNEL ||
	              (sa->bundle_index > 0 && !range_is_host(&sa->selector.local));

	if (origin != NULL || peer == NULL || !sim_may_use(host, peer, EXCHANGE_IKEV1, tunnel))
		return origin;
	return sa->direction == IPSEC_IN || host->rogue || has_received_under(peer, sa)
	           ? peer->answers_as
	           : NULL;
}

void sim_check_added(struct sim_host *host, const struct dataplane_sa *sa)
{
	struct sim *sim = host->sim;
	bool out = sa->direction == IPSEC_OUT;
	const struct address *ours = out ? &sa->source : &sa->destination;
	const struct address *theirs = out ? &sa->destination : &sa->source;
	const struct sim_host *peer = sim_host_at(sim, theirs);
	const char *origin = origin_of(host, peer, sa);
	struct same_key same = {.sa = sa};

	sim_commit_check(host, sa);
	if (!out)
		host->inbound[host->inbound_count++ % SIM_INBOUND] = hash_of_key(sa);
	record_visit(sim_plane_record(host->plane), count_same_key, &same);
	if (same.count != 1 && sa->suite.protocol != IPSEC_IPCOMP)
		sim_fail(sim, "host %c has several SAs with one key", name_of(host));
	if (!address_equal(ours, &host->speaks_as))
		sim_fail(sim, "host %c has an SA for another host's address", name_of(host));
	if (sa->suite.protocol == IPSEC_IPCOMP)
		return; /* it has no key, and what is around it has been seen */
	if (peer == NULL || origin == NULL) {
		sim_fail(sim, "host %c has an SA %s", name_of(host),
		    peer == NULL ? "with nobody" : "with a key that no session gave");
		return;
	}
	/* An inbound SA is made before the peer has agreed; an outbound one is not. */
	if (out && !sim_are_friends(host, peer))
		sim_fail(sim, "host %c has an SA with host %c, who has no right to one",
		    name_of(host), name_of(peer));
	if (host->rogue)
		return;
	if (strcmp(origin, peer->answers_as) != 0 && strcmp(origin, peer->starts_as) != 0 &&
	    !(peer->rogue && !out))
		sim_fail(sim, "host %c has an SA with host %c under a key of %s", name_of(host),
		    name_of(peer), origin);
	if (!is_allowed(host, peer, sa) && !(peer->rogue && !out))
		sim_fail(sim, "host %c has an SA with host %c for traffic that no policy protects",
		    name_of(host), name_of(peer));
	if (!peer->rogue)
		compare(sim, host, peer, sa);
}

bool sim_is_protected(const struct sim_host *host, const struct sim_host *peer)
{
	struct dataplane_flow flow = sim_flow(host, peer, !host->sim->profile.transport);
	struct dataplane *record = sim_plane_record(host->plane);

	return record_find_sa_for(record, &flow, IPSEC_OUT) != NULL &&
	       record_find_sa_for(record, &flow, IPSEC_IN) != NULL;
}

static void check_host(struct sim *sim, struct sim_host *host)
{
	const struct policy *policy = kx_policy(host->kx);

	if (kx_sa_count(host->kx) > policy->daemon.max_sas)
		sim_fail(sim, "host %c holds %zu pairs of SAs where %u is the limit", name_of(host),
		    kx_sa_count(host->kx), policy->daemon.max_sas);
	if (record_sa_count(sim_plane_record(host->plane)) > 2 * BUNDLE_MAX * kx_sa_count(host->kx))
		sim_fail(sim, "host %c: the data plane has SAs that the engine has forgotten",
		    name_of(host));
}

void sim_check_step(struct sim *sim)
{
	for (size_t i = 0; i < sim->host_count && !sim->failed; i++) {
		struct sim_host *host = &sim->hosts[i];

		if (host->kx == NULL)
			continue;
		check_host(sim, host);
		/* Nothing that outsiders send may take an SA away. */
		for (size_t j = 0; sim->profile.kind == SIM_OUTSIDER && j < sim->host_count; j++) {
			bool is = j != i && sim_is_protected(host, &sim->hosts[j]);

			if (host->was_protected[j] && !is && sim->faults)
				sim_fail(sim, "host %c lost its SAs with host %c to an outsider",
				    name_of(host), name_of(&sim->hosts[j]));
			host->was_protected[j] = is;
		}
	}
}

struct survey {
	struct sim *sim;
	const struct sim_host *host;
	const char *trouble;
	char text[SIM_TEXT_SIZE];
};

static void find_other_end(void *context, const struct dataplane_sa *sa)
{
	struct survey *survey = context;
	const struct sim_host *peer =
	    sim_host_at(survey->sim, sa->direction == IPSEC_OUT ? &sa->destination : &sa->source);

	if (survey->trouble != NULL || other_end(survey->sim, survey->host, peer, sa) != NULL)
		return;
	(void)snprintf(survey->text, sizeof(survey->text),
	    "host %c has an SA %s host %c, SPI %08x, that the other has not", name_of(survey->host),
	    sa->direction == IPSEC_OUT ? "to" : "from", peer != NULL ? name_of(peer) : '?',
	    sa->spi);
	survey->trouble = survey->text;
}

static bool find_unfinished(void *context, const struct kx_sa_view *view)
{
	struct survey *survey = context;

	if (strcmp(view->state, "larval") == 0)
		survey->trouble = "an SA is larval";
	else if (strcmp(view->state, "deleting") == 0)
		survey->trouble = "an SA is being deleted";
	return survey->trouble == NULL;
}

static bool find_negotiation(void *context, const struct kx_connection_view *view)
{
	struct survey *survey = context;

	if (view->state == KX_NEGOTIATING || view->state == KX_REKEYING)
		survey->trouble = "a negotiation is under way";
	return survey->trouble == NULL;
}

static const char *unsettled(struct survey *survey, const struct sim_host *host)
{
	survey->host = host;
	if (host->kx == NULL)
		return "a host is down";
	if (sim_kerberos_sessions(host->kerberos) > 0)
		return "a Kerberos session is still there";
	if (sim_kerberos_waiting(host->kerberos) > 0)
		return "Kerberos has work to do";
	if (record_reservation_count(sim_plane_record(host->plane)) > 0)
		return "an SPI is still reserved";
	kx_each_connection(host->kx, find_negotiation, survey);
	if (survey->trouble == NULL)
		kx_each_sa(host->kx, find_unfinished, survey);
	if (survey->trouble == NULL)
		record_visit(sim_plane_record(host->plane), find_other_end, survey);
	return survey->trouble;
}

bool sim_unsettled(struct sim *sim, char text[SIM_TEXT_SIZE])
{
	for (size_t i = 0; i < sim->host_count; i++) {
		const struct sim_host *host = &sim->hosts[i];
		struct survey survey = {.sim = sim};
		const char *trouble = host->rogue ? NULL : unsettled(&survey, host);

		if (trouble != NULL) {
			(void)snprintf(
			    text, SIM_TEXT_SIZE, "host %c: %.200s", name_of(host), trouble);
			return true;
		}
	}
	return false;
}

bool sim_is_settled(struct sim *sim)
{
	char text[SIM_TEXT_SIZE];

	return !sim_unsettled(sim, text);
}

/* What must not be there once all hosts have talked to each other. */
static bool find_outlived(void *context, const struct kx_sa_view *view)
{
	struct survey *survey = context;
	const struct sim_host *host = survey->host;
	const struct sim_host *peer = sim_host_at(survey->sim, &view->remote);

	if (strcmp(view->state, "established") != 0 && strcmp(view->state, "replaced") != 0)
		return true;
	/*
	 * A peer that was met by IKEv1 alone and comes back by KINK says an epoch that there is no
	 * other to compare with (RFC 4430 3.7), and nothing of INITIAL-CONTACT.
	 */
	if (survey->sim->profile.methods == SIM_FALLBACK && strcmp(view->method, "ikev1") == 0)
		return true;
	if (peer == NULL || view->created_ms - host->clock_offset_ms < peer->started_ms)
		survey->trouble = "has an SA from before its peer's restart";
	return survey->trouble == NULL;
}

struct own_pairs {
	struct survey *survey;
	struct selector selectors[64];
	struct address remotes[64];
	size_t count;
};

static bool selector_is(const struct selector *a, const struct selector *b)
{
	struct selector mirrored = {.local = b->remote,
	    .remote = b->local,
	    .local_ports = b->remote_ports,
	    .remote_ports = b->local_ports,
	    .protocol = b->protocol};

	return is_mirrored(a, &mirrored);
}

uint64_t sim_transmissions_ms(const struct sim *sim)
{
	return (uint64_t)sim->profile.retransmit_limit * (sim->profile.retransmit_tries + 1);
}

/* A successor takes the place of what its initiator made before. */
static bool find_superseded(void *context, const struct kx_sa_view *view)
{
	struct own_pairs *own = context;
	const struct sim_host *host = own->survey->host;
	uint64_t age = host->sim->now_ms - (view->created_ms - host->clock_offset_ms);

	/* Its ACK may still be on the way. */
	if (age <= sim_transmissions_ms(host->sim))
		return true;
	if (!view->initiator || own->count == 64 ||
	    (strcmp(view->state, "established") != 0 && strcmp(view->state, "replaced") != 0))
		return true;
	for (size_t i = 0; i < own->count; i++) {
		if (selector_is(&own->selectors[i], &view->selector) &&
		    address_equal(&own->remotes[i], &view->remote))
			own->survey->trouble = "has two SAs of its own for the same traffic";
	}
	own->selectors[own->count] = view->selector;
	own->remotes[own->count++] = view->remote;
	return own->survey->trouble == NULL;
}

void sim_check_contact(struct sim *sim)
{
	for (size_t i = 0; i < sim->host_count && !sim->failed; i++) {
		const struct sim_host *host = &sim->hosts[i];
		struct survey survey = {.sim = sim, .host = host};
		struct own_pairs own = {.survey = &survey};

		kx_each_sa(host->kx, find_outlived, &survey);
		if (survey.trouble == NULL)
			kx_each_sa(host->kx, find_superseded, &own);
		if (survey.trouble != NULL)
			sim_fail(sim, "host %c %s", name_of(host), survey.trouble);
	}
}

struct lonely {
	struct survey survey;
	uint64_t *out;
	size_t max;
	size_t count;
};

static void collect_lonely(void *context, const struct dataplane_sa *sa)
{
	struct lonely *lonely = context;
	uint64_t hash[2];

	lonely->survey.trouble = NULL;
	find_other_end(&lonely->survey, sa);
	if (lonely->survey.trouble == NULL || lonely->count == lonely->max)
		return;
	/* IPComp has no key, but its numbers are not used again soon. */
	sim_hash(&lonely->survey.host->index, sizeof(lonely->survey.host->index), sa->key,
	    sa->key_len, hash);
	lonely->out[lonely->count++] = hash[0] ^ sa->spi;
}

size_t sim_lonely(struct sim *sim, uint64_t *out, size_t max)
{
	struct lonely lonely = {.survey = {.sim = sim}, .out = out, .max = max};

	for (size_t i = 0; i < sim->host_count; i++) {
		lonely.survey.host = &sim->hosts[i];
		record_visit(sim_plane_record(sim->hosts[i].plane), collect_lonely, &lonely);
	}
	return lonely.count;
}

bool sim_is_empty(struct sim *sim)
{
	for (size_t i = 0; i < sim->host_count; i++) {
		const struct sim_host *host = &sim->hosts[i];

		if (!host->rogue &&
		    (kx_sa_count(host->kx) > 0 || sim_kerberos_sessions(host->kerberos) > 0 ||
			record_sa_count(sim_plane_record(host->plane)) > 0 ||
			record_reservation_count(sim_plane_record(host->plane)) > 0))
			return false;
	}
	return true;
}
