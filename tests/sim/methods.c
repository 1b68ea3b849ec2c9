/* Which exchange methods the hosts speak, and how they prove who they are in IKEv1. */
#include "policy/ike.h"
#include "sim.h"

static uint32_t pick(struct sim_random *random, uint32_t first, uint32_t last)
{
	return (uint32_t)sim_random_between(random, first, last);
}

static const char *const proof_names[SIM_PROOF_COUNT] = {
    "pre-shared key", "signatures", "encryption", "revised encryption", "Kerberos"};

/* From a stream of its own: what else a seed stands for does not depend on it. */
void sim_methods_choose(struct sim *sim)
{
	struct sim_profile *profile = &sim->profile;
	struct sim_random random;
	uint64_t kind;

	sim_random_init(&random, sim->seed, 4);
	kind = sim_random_below(&random, 100);
	/* KINK's rogues have tickets; IKEv1's have not. */
	profile->methods = kind < 60 ? SIM_KINK : kind < 85 ? SIM_IKEV1 : SIM_FALLBACK;
	profile->aggressive = sim_chance(&random, 400);
	profile->proof =
	    sim_chance(&random, 500) ? SIM_PROOF_PSK : (enum sim_proof)pick(&random, 1, 3);
	profile->certificate_size =
	    sim_chance(&random, 700) ? pick(&random, 0, 400) : pick(&random, 400, 3000);
	profile->isakmp_lifetime =
	    sim_chance(&random, 500) ? pick(&random, 60, 600) : pick(&random, 600, 28800);
	profile->outsiders = sim_chance(&random, 500);
	profile->unnamed = sim_chance(&random, 500);
	profile->fallback_retry = pick(&random, 60000, 300000);
	profile->commit = profile->methods != SIM_KINK && sim_chance(&random, 250);
	profile->ecdsa = profile->proof == SIM_PROOF_SIGNATURE && sim_chance(&random, 500);
	/* Its clocks are not told apart from within IKEv1, and user-to-user is not for it. */
	if (profile->methods == SIM_IKEV1 && sim_chance(&random, 200) && profile->skews == 0 &&
	    profile->user_to_user == SIM_USER_TO_USER_OFF) {
		profile->proof = SIM_PROOF_KERBEROS;
		profile->aggressive = false;
	}
	if (profile->methods == SIM_KINK)
		return;
	sim_note(sim, NULL, "methods: %s%s%s%s, %s, certificates of %u octets",
	    profile->methods == SIM_IKEV1 ? "ikev1" : "kink, ikev1",
	    profile->outsiders ? ", hosts outside the realm" : "",
	    profile->aggressive ? ", aggressive mode" : "", profile->commit ? ", commit bit" : "",
	    proof_names[profile->proof], profile->certificate_size);
	profile->racoon2 = false;
	if (profile->methods == SIM_FALLBACK && profile->kind == SIM_MIXED && profile->outages == 0)
		profile->outages = pick(&random, 10, 100);
}

bool sim_is_outside(const struct sim_host *host)
{
	const struct sim_profile *profile = &host->sim->profile;

	return profile->methods == SIM_FALLBACK && profile->outsiders && profile->unnamed &&
	       host->index % 2 == 1;
}

static bool speaks(const struct sim_host *host, enum exchange exchange)
{
	const struct sim_profile *profile = &host->sim->profile;

	if (exchange == EXCHANGE_IKEV1)
		return profile->methods != SIM_KINK;
	return profile->methods == SIM_KINK ||
	       (profile->methods == SIM_FALLBACK && !(profile->outsiders && host->index % 2 == 1));
}

/* Where all hosts speak KINK and may do with less, what goes through tunnels is not to. */
static bool is_strict(const struct sim_profile *profile, bool tunnel)
{
	return profile->methods == SIM_FALLBACK && !profile->outsiders && tunnel &&
	       profile->transport;
}

bool sim_may_use(
    const struct sim_host *host, const struct sim_host *peer, enum exchange exchange, bool tunnel)
{
	if (exchange == EXCHANGE_IKEV1 && is_strict(&host->sim->profile, tunnel))
		return false;
	return speaks(host, exchange) && speaks(peer, exchange);
}

static const struct policy_ike *ike_of(const struct sim *sim, const struct sim_host *host)
{
	static const enum ike_authentication authentications[SIM_PROOF_COUNT] = {
	    IKE_AUTHENTICATION_PSK, IKE_AUTHENTICATION_RSA_SIGNATURE, IKE_AUTHENTICATION_ENCRYPTION,
	    IKE_AUTHENTICATION_REVISED_ENCRYPTION, IKE_AUTHENTICATION_GSS};
	/* Each is written once, for peers that outlive the run. */
	static struct policy_ike entries[1024];
	static size_t count;
	const struct sim_profile *profile = &sim->profile;
	struct policy_ike ike = {.authentications = {authentications[profile->proof]},
	    .authentication_count = 1,
	    .psk = bytes_of("simulated", 9),
	    .certificate = "simulated",
	    .proposals = {{ENCRYPTION_AES_CBC, 256, PRF_HMAC_SHA2_256, DH_CURVE25519}},
	    .proposal_count = 1,
	    .lifetime = profile->isakmp_lifetime != 0 ? profile->isakmp_lifetime : 600,
	    .mode = profile->aggressive ? POLICY_IKE_AGGRESSIVE : POLICY_IKE_MAIN,
	    .nat = true,
	    .fragmentation = true};

	if (profile->proof == SIM_PROOF_SIGNATURE && profile->ecdsa)
		ike.authentications[0] = IKE_AUTHENTICATION_ECDSA_256;
	/* Who has no right to SAs does not know it. */
	if (host->rogue && profile->rogue != SIM_ROGUE_SELECTORS)
		ike.psk = bytes_of("guessed", 7);
	entries[count % 1024] = ike;
	return &entries[count++ % 1024];
}

static void set(const struct sim_host *host, bool tunnel, enum exchange *exchanges, size_t *count)
{
	const struct sim_profile *profile = &host->sim->profile;

	*count = 0;
	if (speaks(host, EXCHANGE_KINK))
		exchanges[(*count)++] = EXCHANGE_KINK;
	if (speaks(host, EXCHANGE_IKEV1) && !is_strict(profile, tunnel))
		exchanges[(*count)++] = EXCHANGE_IKEV1;
}

void sim_methods_set(const struct sim *sim, const struct sim_host *host, struct policy *policy)
{
	const struct policy_ike *ike;

	if (sim->profile.methods == SIM_KINK)
		return;
	ike = ike_of(sim, host);
	for (size_t i = 0; i < policy->peer_count; i++) {
		struct policy_peer *peer = (struct policy_peer *)(uintptr_t)&policy->peers[i];

		set(host, false, peer->exchanges, &peer->exchange_count);
		peer->ike = ike;
		peer->fallback = POLICY_FALLBACK_NO_REALM | POLICY_FALLBACK_NO_PRINCIPAL |
		                 POLICY_FALLBACK_NO_KDC | POLICY_FALLBACK_SILENT;
		peer->fallback_retry = sim->profile.fallback_retry;
	}
	for (size_t i = 0; i < policy->rule_count; i++) {
		struct policy_rule *rule = (struct policy_rule *)(uintptr_t)&policy->rules[i];

		if (rule->peer != NULL)
			set(host, rule->mode == IPSEC_TUNNEL, rule->exchanges,
			    &rule->exchange_count);
	}
}
