/*
 * The part of a peer's entry that is IKE's: identities, the shared secret out of its file, and
 * what may be used to authenticate.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/secret.h"
#include "crypto/credentials.h"
#include "crypto/identity.h"
#include "policy/config-private.h"

#define PSK_MAX 1024

/* Settings that say nothing to other methods. */
static const char *const ike_settings[] = {"authentication", "psk_file", "local_id", "remote_id",
    "certificate", "private_key", "ca", "crl", "crl_check", "peer_certificate", "ike",
    "ike_lifetime", "ike_mode", "fragmentation"};

static bool is_set(const struct config_peer *source, const char *member)
{
	return config_setting_get_member(source->source, member) != NULL;
}

/* A secret that others can read is none. */
static enum err check_psk_file(
    struct config_context *context, const struct config_peer *source, int descriptor)
{
	const char *path = source->ike.psk_file;
	struct stat status;

	if (fstat(descriptor, &status) != 0 || !S_ISREG(status.st_mode))
		return config_complain(
		    context, source->source, "psk_file", "\"%s\" is no plain file", path);
	if ((status.st_mode & (S_IRWXG | S_IRWXO)) != 0)
		return config_complain(context, source->source, "psk_file",
		    "others may use \"%s\" (its mode is %04o), so what it holds is no secret; run: "
		    "chmod 600 %s",
		    path, (unsigned)(status.st_mode & 07777), path);
	if (status.st_uid != 0 && status.st_uid != geteuid())
		return config_complain(context, source->source, "psk_file",
		    "\"%s\" belongs to user %u; run: chown root %s", path, (unsigned)status.st_uid,
		    path);
	return ERR_OK;
}

/* All of a short file; returns its length, or more than PSK_MAX when it is longer. */
static size_t read_all(int descriptor, uint8_t buffer[PSK_MAX + 2])
{
	size_t len = 0;
	ssize_t got;

	do {
		got = read(descriptor, buffer + len, PSK_MAX + 2 - len);
		if (got > 0)
			len += (size_t)got;
	} while (got > 0 && len < PSK_MAX + 2);
	return len;
}

static void take_psk(struct config_context *context, const struct config_peer *source,
    const uint8_t *octets, size_t len, struct policy_ike *ike)
{
	uint8_t *psk;

	if (len > 0 && octets[len - 1] == '\n')
		len--;
	if (len > 0 && octets[len - 1] == '\r')
		len--;
	if (len == 0 || len > PSK_MAX || memchr(octets, '\n', len) != NULL) {
		(void)config_complain(context, source->source, "psk_file",
		    "\"%s\" must hold one line of 1 to %d characters, the secret",
		    source->ike.psk_file, PSK_MAX);
		return;
	}
	psk = store_secret(context->store, len);
	if (psk == NULL) {
		(void)config_no_memory(context);
		return;
	}
	memcpy(psk, octets, len);
	ike->psk = bytes_of(psk, len);
}

static void load_psk(
    struct config_context *context, const struct config_peer *source, struct policy_ike *ike)
{
	const char *path = source->ike.psk_file;
	uint8_t buffer[PSK_MAX + 2];
	int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

	if (descriptor < 0) {
		(void)config_complain(context, source->source, "psk_file",
		    "\"%s\" cannot be opened: %s; it must hold the secret shared with the peer, "
		    "and be "
		    "readable for root alone",
		    path, strerror(errno));
		return;
	}
	if (check_psk_file(context, source, descriptor) == ERR_OK)
		take_psk(context, source, buffer, read_all(descriptor, buffer), ike);
	secret_wipe(buffer, sizeof(buffer));
	(void)close(descriptor);
}

static enum err take_identity(struct config_context *context, const struct config_peer *source,
    const char *member, const char *text, struct ike_identity *out)
{
	uint8_t data[IKE_IDENTITY_MAX];
	struct problem problem;
	uint8_t *copy;

	if (ike_identity_parse(text, data, out, &problem) != ERR_OK)
		return config_complain(
		    context, source->source, member, "found \"%.80s\": %s", text, problem.text);
	copy = store_alloc(context->store, out->data.len, 1);
	if (copy == NULL)
		return config_no_memory(context);
	memcpy(copy, out->data.data, out->data.len);
	out->data.data = copy;
	return ERR_OK;
}

static void build_identities(
    struct config_context *context, const struct config_peer *source, struct policy_ike *ike)
{
	const struct config_texts *remotes = &source->ike.remote_ids;
	struct ike_identity *identities =
	    store_alloc(context->store, remotes->count, sizeof(*identities));

	if (identities == NULL) {
		(void)config_no_memory(context);
		return;
	}
	if (source->ike.local_id != NULL)
		(void)take_identity(
		    context, source, "local_id", source->ike.local_id, &ike->local_identity);
	for (size_t i = 0; i < remotes->count; i++) {
		if (strcmp(remotes->items[i], "any") == 0)
			ike->any_remote_identity = true;
		else if (take_identity(context, source, "remote_id", remotes->items[i],
			     &identities[ike->remote_identity_count]) == ERR_OK)
			ike->remote_identity_count++;
	}
	ike->remote_identities = identities;
}

static void add_authentication(struct policy_ike *ike, enum ike_authentication authentication)
{
	for (size_t i = 0; i < ike->authentication_count; i++) {
		if (ike->authentications[i] == authentication)
			return;
	}
	ike->authentications[ike->authentication_count++] = authentication;
}

/* RFC 4754's are three, and a key is good for one; all, when the certificate cannot be read. */
static void add_ecdsa(struct policy_ike *ike)
{
	enum credentials_scheme scheme = ike->certificate != NULL
	                                     ? credentials_scheme_of(ike->certificate)
	                                     : CREDENTIALS_NO_SCHEME;

	if (scheme == CREDENTIALS_ECDSA_256 || scheme < CREDENTIALS_ECDSA_256)
		add_authentication(ike, IKE_AUTHENTICATION_ECDSA_256);
	if (scheme == CREDENTIALS_ECDSA_384 || scheme < CREDENTIALS_ECDSA_256)
		add_authentication(ike, IKE_AUTHENTICATION_ECDSA_384);
	if (scheme == CREDENTIALS_ECDSA_521 || scheme < CREDENTIALS_ECDSA_256)
		add_authentication(ike, IKE_AUTHENTICATION_ECDSA_521);
}

/* Signatures that our certificate's key can make; of either kind when it cannot be read. */
static void add_signatures(struct policy_ike *ike)
{
	enum credentials_scheme scheme = credentials_scheme_of(ike->certificate);

	if (scheme != CREDENTIALS_RSA_BARE)
		add_ecdsa(ike);
	if (scheme == CREDENTIALS_RSA_BARE || scheme == CREDENTIALS_NO_SCHEME)
		add_authentication(ike, IKE_AUTHENTICATION_RSA_SIGNATURE);
}

static void build_authentications(const struct config_peer *source, struct policy_ike *ike)
{
	const struct config_choices *named = &source->ike.authentications;

	for (size_t i = 0; i < named->count; i++) {
		if (named->items[i] == IKE_AUTHENTICATION_ECDSA_256)
			add_ecdsa(ike);
		else
			add_authentication(ike, (enum ike_authentication)named->items[i]);
	}
	if (named->count > 0)
		return;
	if (ike->certificate != NULL)
		add_signatures(ike);
	if (source->ike.psk_file != NULL)
		add_authentication(ike, IKE_AUTHENTICATION_PSK);
}

/* What each way to authenticate cannot do without. */
static void check_authentication(struct config_context *context, const struct config_peer *source,
    const struct policy_ike *ike, enum ike_authentication authentication)
{
	const char *name = policy_authentication_name(authentication);

	switch (authentication) {
	case IKE_AUTHENTICATION_PSK:
		if (source->ike.psk_file == NULL)
			(void)config_complain(context, source->source, "psk_file",
			    "missing; authentication \"psk\" needs it");
		return;
	case IKE_AUTHENTICATION_GSS:
		if (ike->mode == POLICY_IKE_AGGRESSIVE)
			(void)config_complain(context, source->source, "ike_mode",
			    "found \"aggressive\", but authentication \"gss\" is for main mode; "
			    "set "
			    "it to \"main\" or remove it");
		return;
	case IKE_AUTHENTICATION_COUNT:
		return;
	case IKE_AUTHENTICATION_ENCRYPTION:
	case IKE_AUTHENTICATION_REVISED_ENCRYPTION:
		if (ike->peer_certificates == NULL)
			(void)config_complain(context, source->source, "peer_certificate",
			    "missing; authentication \"%s\" needs the peer's key beforehand", name);
		break;
	case IKE_AUTHENTICATION_RSA_SIGNATURE:
	case IKE_AUTHENTICATION_ECDSA_256:
	case IKE_AUTHENTICATION_ECDSA_384:
	case IKE_AUTHENTICATION_ECDSA_521:
		break;
	}
	if (ike->certificate == NULL)
		(void)config_complain(context, source->source, "certificate",
		    "missing; authentication \"%s\" needs it", name);
	else if (ike->authority_count == 0)
		(void)config_complain(context, source->source, "ca",
		    "missing; without an authority no certificate of the peer can be believed");
}

static void check_ike(
    struct config_context *context, const struct config_peer *source, const struct policy_ike *ike)
{
	size_t before = context->problem_count;

	if (ike->authentication_count == 0)
		(void)config_complain(context, source->source, "psk_file",
		    "missing; with exchange \"ikev1\" set it, or certificate and ca");
	for (size_t i = 0; i < ike->authentication_count && context->problem_count == before; i++)
		check_authentication(context, source, ike, ike->authentications[i]);
	if (ike->crl_policy == CREDENTIALS_CRL_REQUIRE && ike->crl_count == 0)
		(void)config_complain(context, source->source, "crl",
		    "missing; crl_check = \"require\" needs lists of revoked certificates");
	for (size_t i = 1; i < ike->proposal_count; i++) {
		if (ike->mode == POLICY_IKE_AGGRESSIVE &&
		    ike->proposals[i].group != ike->proposals[0].group) {
			(void)config_complain(context, source->source, "ike",
			    "has more than one group, but aggressive mode offers one only (RFC "
			    "2409 "
			    "section 5); keep to one");
			return;
		}
	}
}

static void refuse_settings(struct config_context *context, const struct config_peer *source)
{
	for (size_t i = 0; i < sizeof(ike_settings) / sizeof(ike_settings[0]); i++) {
		if (is_set(source, ike_settings[i]))
			(void)config_complain(context, source->source, ike_settings[i],
			    "has no effect without IKE; set exchange to \"ikev1\", or to [ "
			    "\"kink\", "
			    "\"ikev1\" ], or remove it");
	}
}

void config_build_ike(
    struct config_context *context, const struct config_peer *source, struct policy_peer *peer)
{
	struct policy_ike *ike;

	if (!policy_peer_allows(peer, EXCHANGE_IKEV1)) {
		refuse_settings(context, source);
		return;
	}
	ike = store_alloc(context->store, 1, sizeof(*ike));
	if (ike == NULL) {
		(void)config_no_memory(context);
		return;
	}
	*ike = source->ike.ike;
	ike->fragmentation = source->ike.fragmentation != 0;
	ike->nat = peer->nat == POLICY_NAT_AUTO || !is_set(source, "nat");
	memcpy(ike->proposals, source->ike.proposals,
	    source->ike.proposal_count * sizeof(ike->proposals[0]));
	ike->proposal_count = source->ike.proposal_count;
	build_authentications(source, ike);
	build_identities(context, source, ike);
	if (source->ike.psk_file != NULL)
		load_psk(context, source, ike);
	check_ike(context, source, ike);
	peer->ike = ike;
}
